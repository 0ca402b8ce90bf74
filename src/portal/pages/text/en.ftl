# The texts of the portal's pages in English. zh-CN.ftl has the same ids with the same variables; a test keeps it so.
#
# Words, here and everywhere:
#   account, main password, client password, second factor (the thing), two-factor (the state), trusted device, failure,
#   block (noun: an address is blocked, a block is lifted), delegation (read, on-behalf, send-as), recovery code, passkey,
#   mail program (what people run; "mail client" is the administrator's word). Passwords are removed, never deleted.
# A person is told what to do, in short sentences. A line break in steps-* begins a new step.

## Around every page

skip = Skip to content
nav = Main pages
nav-overview = Overview
nav-factors = Second factors
nav-passwords = Client passwords
nav-devices = Devices
nav-delegations = Delegations
nav-admin = Administration
sign-out = Sign out
zone = Times are in the time zone { $zone }.
on = On
off = Off
yes = Yes
no = No
cancel = Cancel
change = Change
remove = Remove
change-named = Change: { $name }
remove-named = Remove: { $name }
continue = Continue
one-moment = One moment …
bind = Confirm and add
copy = Copy
copied = Copied
print = Print
days =
    { $count ->
        [one] { $count } day
       *[other] { $count } days
    }
this-device = This browser
new-window = (opens in a new tab)
ends-at = Valid until { $until }.
ends-in = % left
ends-over-code = Over. Send a new code.
ends-over-dialogue = Over. Load this page again.
time-unknown = an unknown time
name-phone = Phone
not-you = Not you? Sign in with another account

## Signing in

sign-in-title = Sign in
sign-in-lead = Manage your second factors, your devices and the passwords of your mail programs.
address = Mail address
main-password = Main password
sign-in-button = Sign in
sign-in-no-client-password = Use the password of your webmail. A client password does not work here.
sign-in-blocked = Is my address blocked?
sign-in-code = Code of your authenticator app, or a recovery code
sign-in-code-hint = Your address is blocked. You can still sign in with your main password and such a code together.
sign-in-code-none = If you only use text messages, a passkey or the like, sign in from another network, such as mobile data, or wait until the block ends.
sign-in-code-no-wait = Enter such a code with your main password and you need not wait. If you have none, leave this empty and try again later.
sign-in-code-together = The code is checked together with your main password.
choose-title = Choose a second factor
choose-lead = Your password is right. Now confirm with something that only you have.
choose-none = None of these at hand? Ask your administrator.
code-title = Two-step sign-in
code = Code
code-sent-to = We sent a code to { $to }. Enter it here.
code-from-app = Enter the code that your authenticator app shows for “{ $name }”.
code-from-the-app = Enter the code that your authenticator app shows.
code-recovery = Enter one of your recovery codes. Each works only once.
code-passkey = Confirm with your passkey. Your device asks for your fingerprint, your face or its PIN.
code-provider = Confirm in { $provider }. You will come back here afterwards.
passkey-needs-script = Passkeys need JavaScript, which is off in this browser. Turn it on, or choose another way.
other-factors = Not working? Try another way:
send-again = Send a new code
send-code = Send code
trust =
    { $days ->
        [one] Trust this browser for { $days } day
       *[other] Trust this browser for { $days } days
    }
trust-hint = Only on your own device. You can cancel this at any time.
factor-and-name = { $kind }: { $name }

## Set-up that the site wants

set-up-title = Turn on two-factor
set-up-lead = Your organisation wants your account protected by a second factor. Choose one; it takes two minutes.
set-up-bound = You have a second factor already. All that is left is to turn two-factor on.
set-up-until = You can do this later, until { $until }.
set-up-now = You cannot do anything else here until this is done.
set-up-later = Later
set-up-code = Set-up code
set-up-code-lead = Your second factors were reset. Enter the set-up code before you add a new one. It keeps out anyone else who knows your password.
set-up-code-hint = Ask your administrator for it: 16 letters and digits. Capitals and hyphens do not matter.
set-up-code-over = Your set-up code has expired. Ask your administrator to reset your second factors again, which makes a new one.

## Overview

overview-title = Overview
warnings-title = Please look at this
two-factor-title = Two-factor
overview-factors =
    { $count ->
        [one] { $count } second factor protects your account.
       *[other] { $count } second factors protect your account.
    }
overview-two-factor-off = Anyone who knows your password can sign in. A second factor stops that.
state-bound = Bound, not yet required of mail programs
state-bound-means = This portal already asks for your second factor. Mail programs still accept your main password alone until you turn two-factor on.
state-bound-never = Bound, not yet turned on
state-bound-never-means = This portal already asks for your second factor. Turn two-factor on to keep it that way: your last second factor can then not be removed.
overview-two-factor-manage = Manage
overview-mail-title = Mail programs
overview-passwords =
    { $count ->
        [0] You have no client password yet.
        [one] You have { $count } client password.
       *[other] You have { $count } client passwords.
    }
mail-never = Mail programs need a client password. Your main password never works there.
mail-two-factor-on = Two-factor is on, so mail programs need a client password.
mail-two-factor-off = Mail programs still accept your main password. Once two-factor is on, they need client passwords.
overview-logins = Latest sign-ins
overview-delegate = { $name } has been able to use your mailbox since { $since }.
overview-all-delegations =
    { $count ->
        [one] See the delegation
       *[other] See all { $count } delegations
    }
overview-all-logins = All devices
logins-none = No sign-ins in this period.
warning-old-device = A device still uses the removed password “{ $name }”.
warning-stopped = Somebody knows your main password. { $device } was stopped at the second factor: { $from }, { $at }.
warning-see-stopped = See what to do
warning-old-device-last = Last attempt: { $at }, from { $address }.
warning-old-device-last-nowhere = Last attempt: { $at }.
warning-blocked = Your address { $address } is blocked until { $until }.
warning-set-up-by = Your organisation wants two-factor on by { $until }.
warning-set-up-now = Your organisation wants two-factor on. Turn it on now.
warning-recovery-codes =
    { $count ->
        [0] You have no recovery codes. If you lose your phone, you cannot sign in without them.
        [one] You have only { $count } recovery code left.
       *[other] You have only { $count } recovery codes left.
    }
warning-one-factor = You have only one second factor. Add another in case you lose it.
warning-no-password = You have no client password yet, so no mail program can connect.
warning-expires = The client password “{ $name }” expires on { $at }.
warning-make-password = Make a client password
warning-see-block = See the block
warning-set-up = Set it up
warning-make-codes = Make recovery codes
warning-add-factor = Add a second factor

## Two-factor on and off

two-factor-ask-title = Turn it on now?
two-factor-not-now = Not now
two-factor-turn-on = Turn on two-factor
two-factor-turn-off = Turn off two-factor
two-factor-is-on = Every sign-in needs your main password and a second factor.
two-factor-is-off = With two-factor on, your main password alone is not enough: every sign-in needs a second factor too.
two-factor-ends-others = Turning it on signs you out of all other browsers, and none stays trusted.
two-factor-mandatory = Your organisation wants two-factor on. It cannot be turned off.
two-factor-off-means = Mail programs may accept your main password again, and you can remove your last second factor.
two-factor-needs-factor = First add a second factor, such as an authenticator app or a passkey.
two-factor-bind-first = Add a second factor
two-factor-mail-title = Your mail programs will need client passwords
two-factor-mail-means = As soon as you turn it on, your main password stops working in Outlook, Foxmail and the mail app on your phone. They need client passwords instead: make one for each first. It takes a minute.
two-factor-make-password = Make a client password

## Second factors

factors-lead = You can confirm a sign-in with any one of these. Keep at least two, so that losing your phone does not lock you out.
factors-bound = Your second factors
factors-none = You have none yet.
factors-add = Add a second factor
factor-since = Added on { $since }
factor-used = Last used { $at }
factor-never-used = Never used
factor-name = Name
kind-totp = Authenticator app
kind-sms = Text message
kind-mail = Mail to another address
kind-passkey = Passkey
kind-wechat = WeChat
kind-wecom = WeCom
kind-dingtalk = DingTalk
kind-recovery = Recovery code
about-totp = An app on your phone shows a new code every 30 seconds. Works without a network.
about-sms = We text a code to your phone. Easy, but a number can be hijacked, so keep another factor as well.
about-mail = We mail a code to an address of yours at another provider.
about-passkey = Your fingerprint, your face or a security key. The safest: it cannot be phished.
about-provider = Confirm in { $provider } on your phone.
about-recovery = Ten codes on paper, for the day you lose your phone. Each works once.
new-totp-title = Add an authenticator app
new-totp-install = Open an authenticator app on your phone, such as Google Authenticator, Microsoft Authenticator or FreeOTP.
new-totp-scan = Scan this QR code with it.
new-totp-scan-elsewhere = Is the app on another device? Scan this QR code with it:
new-totp-qr = QR code with the key for your authenticator app
new-totp-cannot-scan = Cannot scan it?
new-totp-type = Type this key into the app (time-based, 6 digits):
new-totp-open = Open in an app on this device
new-totp-prove = Enter the code that the app shows.
new-totp-name-hint = Tells them apart if you add several, such as “Ann’s phone”.
new-sms-title = Add a phone number
new-sms-to = Phone number
new-sms-hint = For a number outside mainland China, begin with + and the country code.
new-mail-title = Add another mail address
new-sms-other = Use another number
new-mail-other = Use another address
new-mail-to = Mail address at another provider
new-passkey-title = Add a passkey
new-passkey-lead = Your device asks for your fingerprint, your face or its PIN. None of that is sent to us.
new-passkey-name-hint = Tells them apart if you add several, such as “Laptop”.
new-passkey-make = Create passkey
new-provider-title = Add { $provider }
new-provider-lead = You will go to { $provider }, confirm there, and come back here.
new-provider-go = Continue to { $provider }
confirm-it-is-you = Confirm it is you
confirm-lead = You are about to change something that protects your account.
change-lead = The old one stops working as soon as you confirm the new one.
remove-factor-means = You will no longer be able to confirm a sign-in with it. You can add it again later.
recovery-title = Recovery codes
recovery-left =
    { $count ->
        [0] No recovery code is left.
        [one] { $count } recovery code is left.
       *[other] { $count } recovery codes are left.
    }
recovery-never = You have none yet.
recovery-made = Made on { $at }.
recovery-replaces = New codes replace the old ones, which stop working.
recovery-make = Make new recovery codes
new-recovery-title = Your recovery codes
new-recovery-once = We show these only once. Print them or write them down, and keep them away from your phone.
new-recovery-for = Recovery codes for { $account }.
new-recovery-print-hint = Print this page with your browser’s menu.
new-recovery-kept = I have kept them

## Client passwords

passwords-lead = A client password is for one mail program, such as Outlook, Foxmail or the mail app on your phone. It opens nothing else, and you can remove it without touching the others.
passwords-count = Your client passwords: { $count } of { $most }
passwords-none = You have none yet. Make one for each device.
passwords-still-tried = A device still uses a removed password
passwords-still-tried-advice = That device gets no mail, and its attempts can block your address. Give it a new client password, or remove the mail account from it.
passwords-how = How to set it up in
password-never-used = Never used
password-used = Last used { $at }, { $how }
password-used-from = from { $address }, { $protocol }
address-in-place = { $address } ({ $place })
password-made = Made on { $at }
password-until = Expires on { $at }
password-ends-soon = Expires soon
password-ended = Expired
password-only-for = Only for { $protocols }
password-only-from = Only from { $networks }
remove-all = Remove all client passwords
new-password-title = New client password
new-password-lead = We make the password: 16 characters that nobody can guess. You only choose a name.
new-password-name = For which device?
new-password-name-hint = Such as “Phone” or “Outlook at work”. Do not type a password here.
new-password-more = More options
new-password-protocols = Works for
new-password-protocols-hint = Choose none and it works for all.
new-password-expires = Expires after
new-password-never = Never
new-password-networks = Only from these networks
new-password-networks-hint = Addresses or networks such as 192.0.2.0/24, separated by spaces. Leave empty for anywhere. A phone’s address changes all the time.
new-password-make = Make password
new-profile-title = Profile for iPhone, iPad or Mac
new-profile-short = For iPhone, iPad or Mac
new-profile-lead = A profile sets up mail on your Apple device for you, with a new client password that you never see.
new-profile-name-hint = Such as “iPhone”. It names the client password.
new-profile-make = Make password and download profile
new-profile-then = Then
steps-profile =
    Open this page on the device itself. The file contains the password: delete any other copy you saved.
    On iPhone and iPad: allow the download, then open Settings, Profile Downloaded, and choose Install.
    On a Mac: open the file, then System Settings, General, Device Management, and install it there.
    If something goes wrong, remove the client password from the list and start again.
new-profile-unsigned = The device warns that the profile is not signed. That is expected: check that you downloaded it from this page.
shown-title = Client password “{ $name }”
shown-once = We show this password only once. Enter it in your mail program before you leave this page.
shown-spaces = Capitals matter, spaces do not.
shown-spelled = Spell it, character by character
shown-qr = Show as QR code
shown-qr-hint = Scan it with your phone’s camera and copy the text. Do not let anyone else see it.
shown-qr-label = QR code with the client password
shown-next = Now enter it in your mail program
shown-how = The user name is { $account }, the password is the one above. How to do it in:
shown-done = Done, I entered it
remove-password-means = The device that uses it is locked out immediately. You cannot undo this, but you can make a new one.
remove-all-means =
    { $count ->
        [one] This removes your client password. Its mail program stops working until you give it a new one.
       *[other] This removes all { $count } client passwords. Every mail program stops working until you give it a new one.
    }
spell-words = Amsterdam Berlin Chicago Dublin Edinburgh Florence Geneva Helsinki Istanbul Jakarta Kingston London Madrid Nairobi Oslo Paris Quebec Rome Sydney Tokyo Utrecht Vienna Warsaw Xiamen York Zurich
spell-capital = capital { $character } as in { $word }
spell-small = small { $character } as in { $word }
spell-digit = digit { $character }

## Help for mail programs

program-foxmail = Foxmail
program-outlook = Outlook
program-iphone = iPhone and iPad
program-android = Android
program-huawei = Huawei
program-thunderbird = Thunderbird
help-title-foxmail = Set up Foxmail
help-title-outlook = Set up Outlook
help-title-iphone = Set up iPhone and iPad
help-title-android = Set up Android
help-title-huawei = Set up Huawei
help-title-thunderbird = Set up Thunderbird
help-steps = Step by step
help-servers = What to fill in
help-user-name = User name
help-password = Password
help-your-address = Your full mail address
help-no-servers = Ask your administrator which servers to use.
help-profile = The easy way
help-your-client-password = Your client password, not your main password
help-port = Port { $port }
help-others = Other mail programs
profile-name = Mail for { $account }
profile-description = Sets up mail for { $account } with the client password “{ $name }”. Removing this profile removes the account from this device; remove the client password on { $site } too.
steps-foxmail =
    Open the menu at the upper right and choose Accounts.
    Choose New, then Other mailboxes, then Manual setup.
    Choose IMAP and enter your mail address and your client password.
    Enter the servers and ports below and tick SSL for each.
    Choose Create. If you had the account before, replace only its password.
steps-outlook =
    Open File, then Add Account. In the new Outlook: Settings, Accounts, Add account.
    Enter your mail address and choose to set it up by hand (advanced options).
    Choose IMAP and enter the servers and ports below.
    Enter your client password when asked for a password.
    If you had the account before: File, Account Settings, and replace its password.
steps-iphone =
    Open Settings, Apps, Mail, then Mail Accounts (before iOS 18: Settings, Mail, Accounts).
    Choose Add Account, Other, Add Mail Account.
    Enter your name, your mail address and your client password.
    Choose IMAP and enter the servers below. User name and password are the same for incoming and outgoing mail.
    Choose Save. If you had the account before, tap it and replace its password, for the outgoing server too.
steps-android =
    Open your mail app, such as Gmail, and choose to add an account.
    Choose Other, and enter your mail address.
    Choose IMAP and enter your client password.
    Enter the servers and ports below, first for incoming, then for outgoing mail.
    If you had the account before, replace its password in the account’s settings.
steps-huawei =
    Open Email and choose Other.
    Enter your mail address and your client password, and choose Manual setup.
    Choose IMAP and enter the incoming server and port below, with SSL/TLS.
    Enter the outgoing server and port below, with the same user name and password.
    If you had the account before, replace its password in the account’s settings.
steps-thunderbird =
    Open the menu and choose New Account, then Email.
    Enter your name, your mail address and your client password.
    Choose Configure manually and enter the servers and ports below; authentication: Normal password.
    Choose Done.
    If you had the account before: Settings, Privacy and Security, Saved Passwords, remove the old ones, and enter the client password when asked.

## Devices

devices-trusted = Trusted devices
devices-trusted-lead = We do not ask these browsers for a second factor.
devices-trusted-none = No browser is trusted.
devices-since-until = Trusted on { $since }, until { $until }
devices-cancel = Cancel trust
devices-cancel-named = Cancel trust: { $name }
devices-logins =
    { $days ->
        [one] Sign-ins of the last day
       *[other] Sign-ins of the last { $days } days
    }
devices-logins-lead = Every sign-in: browsers on this portal, including those that signed out, and mail programs. If you do not recognise one, change your main password, remove the client password it used, withdraw delegations you do not recognise, and sign out everywhere.
devices-device = Device
devices-with = Signed in with
devices-place = Place
devices-when = When
devices-end = Sign out
devices-end-named = Sign out: { $name }
devices-remove-password = Remove password
devices-remove-password-of = Remove password: { $name }
devices-more = There were more; these are the latest.
devices-mail-hint = To stop a mail program, remove its client password.
devices-everywhere = Sign out everywhere
devices-everywhere-means = Signs out every browser, this one too, and trusts none any more. Mail programs stay signed in.
device-unknown = Unknown device
device-and-system = { $program } on { $system }
devices-on = Signed in
login-browser-password = Browser (password)
login-browser-trusted = Browser (password, trusted browser)
login-browser-totp = Browser (password + code from an app)
login-browser-sms = Browser (password + SMS code)
login-browser-mail = Browser (password + code by mail)
login-browser-passkey = Browser (password + passkey)
login-browser-provider = Browser (password + { $provider })
login-browser-recovery = Browser (password + recovery code)
login-browser-pending = Browser (password; second factor still to come)
login-client-password = Client password “{ $name }”
login-removed-password = Removed client password “{ $name }”
login-mail-program = Mail program ({ $protocol })
login-main-password = Main password
stopped-title = Somebody knows your main password
stopped-lead = Somebody entered your correct main password and was stopped at the second factor. They did not get in.
stopped-slips-title = Stopped at the second factor
stopped-slips-lead = The main password was right, but no second factor followed. It came from a browser and an address that you use, so you probably mistyped a code or gave up.
stopped-badge = Stopped
stopped-nowhere = From an unknown address
stopped-slip = from a browser and an address you use
stopped-attempts =
    { $count ->
        [one] 1 attempt
       *[other] { $count } attempts
    }
stopped-wrong =
    { $count ->
        [one] 1 wrong code
       *[other] { $count } wrong codes
    }
stopped-do = Not you? Change your main password now.
stopped-you = If it was you, and you mistyped a code or gave up, there is nothing to do.
week-key = A dot is a sign-in; a red diamond is somebody who was stopped at the second factor.
week-came-in =
    { $count ->
        [0] no sign-ins
        [one] 1 sign-in
       *[other] { $count } sign-ins
    }
week-stopped = { $count } stopped
ago-now = just now
ago-minutes =
    { $count ->
        [one] 1 minute ago
       *[other] { $count } minutes ago
    }
ago-hours =
    { $count ->
        [one] 1 hour ago
       *[other] { $count } hours ago
    }
ago-days =
    { $count ->
        [one] 1 day ago
       *[other] { $count } days ago
    }

## Delegations

delegations-lead = Let a colleague read your mailbox or send in your name without giving away your password.
delegations-lead-sending = Let a colleague send in your name without giving away your password.
delegations-granted = Who may use your mailbox
delegations-granted-none = Nobody but you.
delegations-received = Mailboxes you may use
delegations-received-none = Only your own.
delegations-since = Since { $since }
delegations-place-theirs = In their mail program: { $place }
delegations-place-yours = In your mail program: { $place } (after it signs in again)
delegations-sending-only = Mail programs here do not show other people’s mailboxes, so a delegation is for sending only.
delegations-withdraw = Withdraw
delegations-withdraw-named = Withdraw: { $name }
delegations-grant-title = Let somebody use your mailbox
delegations-grant = Grant
delegations-delegate = Their mail address
delegations-right = What may they do?
right-read = Read
right-on-behalf = Send on behalf
right-send-as = Send as
right-sees = Sees your mail and folders but changes nothing, not even what is unread.
right-works = Reads, moves and deletes your mail.
right-sends-marked = Sends for you. Recipients see both names.
right-sends-unmarked = Sends for you. Recipients see only you.
right-sends-as = Sends as you. Recipients see only you.
may-title = What each right allows
may-view = View mail
may-unread = Mark mail read or unread
may-delete = Delete mail
may-write = Forward, reply, write
may-told = Recipients see
told-both = both names
told-owner = only you

## A blocked address

block-title = Is my address blocked?
block-your-address = Your address is { $address }.
block-no-address = We cannot see your address.
block-until = It is blocked until { $until }. No mail program can connect from there.
block-why = Too many logins failed from this address. Usually a device still uses an old password.
block-lift = Lift the block
block-network = An administrator has blocked the whole network { $network }, and only an administrator can lift that. If you need to connect from there, ask them.
block-again = First correct or turn off the device with the old password, or the address will be blocked again.
block-sign-in = Sign in with your second factor to lift the block yourself. Otherwise it ends by itself.
block-none = It is not blocked.
block-others = Other blocked addresses
block-others-lead = Logins to your account failed from there in the last day. Lift a block only if you recognise the address. Otherwise leave it: somebody may be guessing.
block-since-until = Blocked since { $since }, until { $until }
block-none-advice = If a mail program cannot connect, check its client password. A phone on mobile data has a different address from this browser.

## Errors

error-form = This form is too old
error-form-advice = Nothing was changed. Go back, load the page again, and send the form once more.
error-address = This site is set up wrongly
error-address-advice = Nothing was changed. The address in your browser differs from the one in the site’s settings, and sending the form again will not help. Please tell your administrator: the portal’s log names both addresses.
error-astray = We were not waiting for this confirmation
error-astray-advice = It came too late, was already used, or belongs to another window. Nothing was changed. Go back to where you began and confirm again.
error-forbidden = This page is not for you
error-forbidden-advice = Sign in with another account, or ask your administrator.
error-not-found = There is no such page
error-not-found-advice = The address may be mistyped, or the page is gone.
error-too-large = That was too much
error-too-large-advice = Go back and send less.
error-too-many = Too many requests
error-too-many-advice = Wait a minute and try again.
error-unavailable = This does not work at the moment
error-unavailable-advice = The problem is on our side, and nothing was changed. Try again in a few minutes.
error-home = Go to the overview
error-status = Error { $status }

## What was done

said-signed-out = You are signed out.
said-signed-out-everywhere = You are signed out everywhere.
said-sign-in-again = Your session is over. Sign in again.
said-code-sent = A new code was sent to { $to }. Older codes no longer work.
said-two-factor-on = Two-factor is on. All other browsers were signed out, and none is trusted any more.
said-two-factor-off = Two-factor is off.
said-first-factor-bound = “{ $name }” was added. All other browsers were signed out, and none is trusted any more.
said-factor-bound = “{ $name }” was added.
said-factor-changed = “{ $name }” was changed. All other browsers were signed out, and none is trusted any more.
said-factor-removed = “{ $name }” was removed. All other browsers were signed out, and none is trusted any more.
said-password-removed = The client password “{ $name }” was removed. It no longer works.
said-passwords-removed =
    { $count ->
        [one] { $count } client password was removed.
       *[other] { $count } client passwords were removed.
    }
said-trust-cancelled = The device is no longer trusted.
said-device-signed-out = The other browser was signed out.
said-device-named-signed-out = { $name } was signed out.
said-granted = { $delegate } may now use your mailbox.
said-withdrawn = { $delegate } may no longer use your mailbox.
said-block-lifted = The block on { $address } was lifted.
said-factors-reset = The second factors of { $account } were reset.
said-factors-unlocked = The wrong codes of { $account } no longer count. Codes are accepted again.
said-account-signed-out = { $account } was signed out everywhere, and no browser is trusted any more.

## What was wrong

problem-wrong-password = Wrong address or password.
problem-wrong-code = Wrong code. Use the newest one you were sent.
problem-wrong-app-code = Wrong code. Enter the one your app shows now.
problem-wrong-clock = Wrong code. Enter the one your app shows now. Is your phone’s clock set automatically?
problem-used-code = You have already used this code. Wait for the next one (up to 30 seconds).
problem-wrong-recovery-code = This is not one of your recovery codes, or you have already used it. Try another from your list.
problem-wrong-set-up-code = Wrong set-up code. Check it and try again, or ask your administrator.
problem-code-ended = This code no longer works. Ask for a new one.
problem-wait = Too many wrong codes. Wait until { $until }, or choose another way.
problem-blocked = Too many failed logins from your address. It is blocked until { $until }.
problem-network-blocked = An administrator has blocked the whole network that your address is in, until { $until }. Only an administrator can lift that.
problem-lifted-too-often = You have lifted several blocks today. This one ends by itself; you can lift another after { $until }.
problem-dialogue-ended = This took longer than five minutes. Start again.
problem-passkey-refused = The passkey was not accepted. Try again, or choose another way.
problem-passkey-needs-script = A passkey needs JavaScript. Turn it on, or choose another way.
problem-provider-refused = It was not confirmed. Try again, or choose another way.
problem-name-missing = Enter a name.
problem-name-too-long =
    { $most ->
        [one] A name has at most { $most } character.
       *[other] A name has at most { $most } characters.
    }
problem-name-unprintable = The name contains a tab or another invisible character. Type it again with plain spaces.
problem-name-taken = You already have one with that name. Choose another.
problem-name-is-password = This looks like a password. Enter a name for the device instead; we make the password.
problem-too-many-passwords =
    { $most ->
        [one] There can be { $most } client password. Remove it first.
       *[other] There can be { $most } client passwords. Remove one first.
    }
problem-sent-enough = No more codes can be sent before { $until }. Until then, choose another way.
problem-sent-just-now = We sent you a code a moment ago; you can ask for another at { $until }.
problem-wait-to-sign-in = Too many failed sign-ins to this account. Try again in { $seconds } seconds, or enter a code as well.
problem-wait-for-password = Too many wrong passwords. Try again in { $seconds } seconds.
problem-busy = Another sign-in from your address is being checked. Try again in a few seconds.
problem-locked = Too many wrong codes: none is accepted any more. Use a passkey or a recovery code if you have one, or ask your administrator.
problem-lost-key = We cannot check this second factor: the mail server has lost the key it was stored under. Ask your administrator. Older recovery codes and second factors may not work either.
problem-too-many =
    { $most ->
        [one] You have { $most } of these already, as many as you may have. Change it, or remove it first.
       *[other] You have { $most } of these already, as many as you may have. Remove one first.
    }
problem-only-factor = This is your only second factor, and two-factor is on. Add another one first, or turn two-factor off.
problem-mandatory = Your organisation wants two-factor on. It stays on.
problem-no-factors = Add a second factor first.
problem-kind-off = Your organisation does not use this kind of second factor. Choose another.
problem-expiry-unreadable = Choose when it ends from the list.
problem-network-unreadable = These are not all addresses or networks such as 192.0.2.0/24, or there are more than { $most }.
problem-phone-unreadable = This is not a phone number.
problem-phone-country-off = No codes are sent to numbers of this country. Use another number or another way.
problem-phone-taken = Your account has a phone number already. Change that one.
problem-address-unreadable = This is not a mail address.
problem-address-not-external = Use an address at another provider: if you cannot sign in here, you cannot read mail here either.
problem-not-sent = The code could not be sent. Try again in a minute, or choose another way.
problem-no-such-account = There is no such account here.
problem-named-too-many = You have entered many addresses that have no account here. Try again after { $until }.
problem-yourself = That is your own address.
problem-reason-missing = Enter a reason. It is kept in the log.
problem-reason-too-long = A reason has at most { $most } characters.
problem-unavailable = This does not work at the moment. Try again in a few minutes.

## The administrator's pages

admin-title = Failures and blocks
admin-chart-title = The last hours
admin-day = 24 hours
admin-week = 7 days
admin-chart-sum = { $failures } failures, { $blocks } new blocks.
admin-chart-table = As a table
admin-failures = Failures
admin-new-blocks = New blocks
admin-hour = From
admin-chart-peak = Peak: { $failures } failures in the hour from { $at }.
admin-chart-peak-hours = Peak: { $failures } failures in the six hours from { $at }.
admin-blocked-until = Blocked until { $until }
admin-blocked-by = by the block of { $block }
admin-top-addresses = Addresses with the most failures
admin-top-accounts = Accounts with the most failures
admin-address = Address
admin-account = Account
admin-none = None
admin-blocks-title = Blocks
admin-blocks-now =
    { $count ->
        [0] No address is blocked now.
        [one] { $count } address is blocked now.
       *[other] { $count } addresses are blocked now.
    }
admin-since = Since
admin-until = Until
admin-reason = Reason
admin-exempt = Exempt: no effect
reason-by-hand = By an administrator
reason-failures =
    { $failures ->
        [one] { $failures } failure in a row
       *[other] { $failures } failures in a row
    }
reason-accounts =
    { $accounts ->
        [one] for one account
       *[other] for { $accounts } accounts
    }
reason-repeated =
    { $repeated ->
        [one] { $repeated } of them with the same wrong password
       *[other] { $repeated } of them with the same wrong password
    }
reason-repeated-several = { $repeated } of them with the same { $passwords } wrong passwords
reason-program = from { $program }
reason-spared = lockout.repeats = "once" would have prevented this
admin-lift = Lift
admin-lift-named = Lift the block of { $name }
admin-accounts-title = Accounts
admin-search = Part of an address
admin-search-button = Search
admin-only = Show
admin-only-all = All accounts
admin-only-two-factor-off = Two-factor off
admin-only-never-signed-in = Never signed in
admin-only-no-client-password = No client password
admin-signed-in = Last sign-in
admin-never = Never
admin-some = Accounts
admin-found =
    { $count ->
        [0] No account found.
        [one] { $count } account
       *[other] { $count } accounts
    }
admin-facts = Facts
admin-state = State
admin-enabled = Enabled
admin-disabled = Disabled
admin-group = Group
admin-created = Made on
admin-wrong-codes = Wrong codes in a row
admin-codes-wait = No code is accepted before { $until }
admin-codes-locked = No code is accepted until you unlock them
admin-code-waits = Asked for at the next sign-in, until { $until }
admin-sessions = Sessions
admin-trusted = Trusted browsers
admin-unlock-title = Unlock codes
admin-unlock-means = Wrong codes no longer count, and codes are accepted again. Nothing else changes. Whoever typed them knows the main password, so have it changed first. We tell the person.
admin-sign-out-title = Sign out everywhere
admin-sign-out-means = Every session of this account at this portal ends, and no browser is trusted any more. Mail programs are not affected.
admin-reset-title = Reset second factors
admin-reset-means = This removes all second factors, recovery codes and trusted devices of this account. Be sure who is asking: this is how accounts are taken over. We tell the person.
admin-reset-code = Afterwards you see a set-up code, once. The next sign-in asks for it.
admin-reset-no-code = This site asks for no set-up code: whoever signs in first with the main password adds the next second factor. Have the main password changed first.
admin-code-title = Set-up code
admin-code-once = We show this code only once.
admin-code-means = Give it to the owner of { $account } and to nobody else, in person or over a line you trust. The next sign-in asks for it before a second factor can be added.
admin-code-until = It is good until { $until }. Another reset makes a new one.
admin-code-done = I have handed it over
admin-reset-look = If somebody else may have been in the account, have its main password changed first, and check what they may have left behind:
admin-reset-sessions =
    { $count ->
        [0] No session of this portal.
        [one] { $count } session of this portal. The reset ends it.
       *[other] { $count } sessions of this portal. The reset ends them.
    }
admin-reset-passwords =
    { $count ->
        [0] No client password.
        [one] { $count } client password. The reset leaves it: remove it if the owner does not know it.
       *[other] { $count } client passwords. The reset leaves them: remove those that the owner does not know.
    }
admin-reset-delegations =
    { $count ->
        [0] No delegation.
        [one] { $count } delegation. The reset leaves it: revoke it if the owner does not know it.
       *[other] { $count } delegations. The reset leaves them: revoke those that the owner does not know.
    }
admin-reset-reason = Reason (kept in the log)
admin-rollout-title = Roll-out
admin-rollout-whom = Accounts affected
admin-rollout-lead =
    { $days ->
        [one] Accounts whose mail programs used the main password in the last day, or broke another rule.
       *[other] Accounts whose mail programs used the main password in the last { $days } days, or broke another rule.
    }
admin-rollout-observe = While Sidegate only observed, the logins under “would be refused” were let in.
admin-rollout-none = None: every mail program follows the rules.
admin-would-refuse = Would be refused
admin-main-password = With main password
admin-last = Last
admin-next = Next
admin-protocols = Protocols
admin-addresses = Addresses
admin-passwords-used = Client passwords in use
admin-used-of = { $used } of { $all }
admin-unknown = No account
