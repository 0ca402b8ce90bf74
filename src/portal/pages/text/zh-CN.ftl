# 门户页面的中文文本。en.ftl 含有相同的 id 和变量，由测试保证。
#
# 用词统一：
#   account 帐号 · main password 主密码 · client password 客户端专用密码 · second factor 二次验证方式 · two-factor 二次验证
#   trusted device 可信设备 · failure 登录失败 · block 封锁（lift 解除） · protocol 协议 · delegation 委托
#   read 只读 · on-behalf 代表发送（邮件标明“代发”） · send-as 代理发送 · recovery code 恢复码 · passkey 通行密钥 · authenticator app 身份验证器应用
#   mail program 邮件客户端 · remove 移除 · bind 绑定 · roll-out 上线
# 句子简短，告诉用户该做什么。steps-* 中每一行是一个步骤。

## 每个页面

skip = 跳到正文
nav = 主要页面
nav-overview = 概览
nav-factors = 二次验证方式
nav-passwords = 客户端专用密码
nav-devices = 设备
nav-delegations = 委托
nav-admin = 管理
sign-out = 退出登录
zone = 时间均为 { $zone } 时区。
on = 已开启
off = 未开启
yes = 可以
no = 不可以
cancel = 取消
change = 更改
remove = 移除
change-named = 更改：{ $name }
remove-named = 移除：{ $name }
continue = 继续
one-moment = 请稍候……
bind = 确认并绑定
copy = 复制
copied = 已复制
print = 打印
days = { $count } 天
this-device = 当前浏览器
new-window = （在新标签页中打开）
ends-at = 有效期至 { $until }。
ends-in = 剩余 %
ends-over-code = 已超时，请重新发送验证码。
ends-over-dialogue = 已超时，请重新加载此页。
time-unknown = 时间未知
name-phone = 手机
not-you = 不是您？使用其他帐号登录

## 登录

sign-in-title = 登录
sign-in-lead = 在这里管理您的二次验证、设备，以及邮件客户端使用的密码。
address = 邮箱地址
main-password = 主密码
sign-in-button = 登录
sign-in-no-client-password = 请使用网页邮箱的主密码。客户端专用密码不能用于此处。
sign-in-code = 身份验证器应用的验证码，或恢复码
sign-in-code-hint = 您的地址已被封锁。凭主密码和此验证码仍可登录。
sign-in-code-none = 如果您只有短信、通行密钥等方式，请换一个网络（例如移动数据）登录，或等待封锁结束。
sign-in-code-no-wait = 同时输入主密码和此验证码，即可立即登录，无需等待。如果没有验证码，请将其留空，稍后再试。
sign-in-code-together = 此验证码将与主密码一并核对。
sign-in-blocked = 我的地址是否被封锁？
choose-title = 选择二次验证方式
choose-lead = 密码正确。请再用一种只有您持有的方式确认身份。
choose-none = 如果以上方式都无法使用，请联系管理员。
code-title = 二次验证
code = 验证码
code-sent-to = 验证码已发送至 { $to }，请在此输入。
code-from-app = 请输入身份验证器应用“{ $name }”中显示的验证码。
code-from-the-app = 请输入身份验证器应用中显示的验证码。
code-recovery = 请输入一个恢复码。每个恢复码只能使用一次。
code-passkey = 请用通行密钥确认：设备会要求您验证指纹、面容或 PIN 码。
code-provider = 请在{ $provider }中确认，完成后会自动返回此处。
passkey-needs-script = 通行密钥需要 JavaScript，而此浏览器已将其关闭。请开启，或选择其他方式。
other-factors = 无法使用？请尝试其他方式：
send-again = 重新发送验证码
send-code = 发送验证码
trust = 将此浏览器设为可信设备，{ $days } 天内免二次验证
trust-hint = 仅限您自己的设备。可随时取消。
factor-and-name = { $kind }：{ $name }

## 单位要求的设置

set-up-title = 开启二次验证
set-up-lead = 您所在的单位要求您的帐号开启二次验证。请选择一种方式，大约需要两分钟。
set-up-bound = 您已绑定二次验证方式，只需再开启二次验证。
set-up-until = 您可以稍后设置，最迟 { $until }。
set-up-now = 完成设置之前，无法使用其他功能。
set-up-later = 稍后设置
set-up-code = 设置码
set-up-code-lead = 您的二次验证方式已被重置。添加新的验证方式之前，请先输入设置码，以免知道您密码的人抢先绑定。
set-up-code-hint = 请向管理员索取：共 16 位字母和数字，不区分大小写，可省略连字符。
set-up-code-over = 您的设置码已过期。请联系管理员再次重置二次验证方式，以获取新的设置码。

## 概览

overview-title = 概览
warnings-title = 请注意
two-factor-title = 二次验证
overview-factors = 帐号由 { $count } 种二次验证方式保护。
overview-two-factor-off = 目前任何知道密码的人都能登录。绑定二次验证方式可以防止这种情况。
state-bound = 已绑定，尚未对邮件客户端生效
state-bound-means = 登录本门户时已需二次验证。在您开启二次验证之前，邮件客户端仍可仅凭主密码登录。
state-bound-never = 已绑定，尚未开启
state-bound-never-means = 登录本门户时已需二次验证。开启后，最后一种二次验证方式将不能被移除，保护会一直有效。
overview-two-factor-manage = 管理
overview-mail-title = 邮件客户端
overview-passwords =
    { $count ->
        [0] 您还没有客户端专用密码。
       *[other] 您有 { $count } 个客户端专用密码。
    }
mail-never = 邮件客户端只能用客户端专用密码登录，不能用主密码。
mail-two-factor-on = 二次验证已开启：邮件客户端只能用客户端专用密码登录。
mail-two-factor-off = 邮件客户端目前仍可用主密码登录。开启二次验证后，必须使用客户端专用密码。
overview-logins = 最近登录
overview-delegate = 自 { $since } 起，{ $name } 可以使用您的邮箱。
overview-all-delegations = 查看全部 { $count } 项委托
overview-all-logins = 全部设备
logins-none = 这段时间内没有登录记录。
warning-old-device = 有设备仍在使用已移除的密码“{ $name }”。
warning-stopped = 有人知道您的主密码。{ $device } 未通过二次验证，已被拦截：{ $from }，{ $at }。
warning-see-stopped = 查看如何处理
warning-old-device-last = 最近一次尝试：{ $at }，来自 { $address }。
warning-old-device-last-nowhere = 最近一次尝试：{ $at }。
warning-blocked = 您的地址 { $address } 已被封锁，至 { $until } 解除。
warning-set-up-by = 您所在的单位要求在 { $until } 之前开启二次验证。
warning-set-up-now = 您所在的单位要求开启二次验证，请立即开启。
warning-recovery-codes =
    { $count ->
        [0] 您没有恢复码。一旦手机丢失，您将无法登录。
       *[other] 恢复码仅剩 { $count } 个。
    }
warning-one-factor = 您只绑定了一种二次验证方式。请再绑定一种，以防丢失。
warning-no-password = 您还没有客户端专用密码，邮件客户端将无法登录。
warning-expires = 客户端专用密码“{ $name }”将于 { $at } 到期。
warning-make-password = 生成客户端专用密码
warning-see-block = 查看封锁
warning-set-up = 立即设置
warning-make-codes = 生成恢复码
warning-add-factor = 添加二次验证方式

## 开启和关闭二次验证

two-factor-ask-title = 现在开启吗？
two-factor-not-now = 暂不开启
two-factor-turn-on = 开启二次验证
two-factor-turn-off = 关闭二次验证
two-factor-is-on = 每次登录时，除主密码外还需进行二次验证。
two-factor-is-off = 开启二次验证后，仅凭主密码无法登录，还需通过二次验证。
two-factor-ends-others = 开启时，其他浏览器将全部退出登录，并且不再受信任。
two-factor-mandatory = 您所在的单位要求开启二次验证，无法关闭。
two-factor-off-means = 关闭后，邮件客户端可能又能用主密码登录，最后一种二次验证方式也可以被移除。
two-factor-needs-factor = 请先绑定一种二次验证方式，例如身份验证器应用或通行密钥。
two-factor-bind-first = 添加二次验证方式
two-factor-mail-title = 邮件客户端将需要专用密码
two-factor-mail-means = 一旦开启，Outlook、Foxmail 和手机邮件将不能再用主密码登录，须改用客户端专用密码。请先为每个客户端生成一个，只需一分钟。
two-factor-make-password = 生成客户端专用密码

## 二次验证方式

factors-lead = 登录时可用其中任意一种进行二次验证。建议至少绑定两种，以免手机丢失后无法登录。
factors-bound = 已绑定的二次验证方式
factors-none = 尚未绑定。
factors-add = 添加二次验证方式
factor-since = 绑定于 { $since }
factor-used = 最近使用：{ $at }
factor-never-used = 从未使用
factor-name = 名称
kind-totp = 身份验证器应用
kind-sms = 短信
kind-mail = 备用邮箱
kind-passkey = 通行密钥
kind-wechat = 微信
kind-wecom = 企业微信
kind-dingtalk = 钉钉
kind-recovery = 恢复码
about-totp = 手机应用每 30 秒显示一个新的验证码，无需联网。
about-sms = 验证码发送到手机。使用方便，但号码可能被盗用，建议同时绑定其他方式。
about-mail = 验证码发送到您在其他网站的邮箱。
about-passkey = 使用指纹、面容或安全密钥。最为安全，可防钓鱼。
about-provider = 在手机上通过{ $provider }确认。
about-recovery = 十个可打印的代码，供手机丢失时使用。每个只能用一次。
new-totp-title = 绑定身份验证器应用
new-totp-install = 在手机上打开身份验证器应用，例如 Google Authenticator、Microsoft Authenticator 或 FreeOTP。
new-totp-scan = 用它扫描此二维码。
new-totp-scan-elsewhere = 应用在其他设备上？请用它扫描此二维码：
new-totp-qr = 供身份验证器应用扫描的二维码
new-totp-cannot-scan = 无法扫描？
new-totp-type = 请在应用中输入此密钥（基于时间，6 位）：
new-totp-open = 在本设备的应用中打开
new-totp-prove = 输入应用当前显示的验证码。
new-totp-name-hint = 便于区分多个设备，例如“小安的手机”。
new-sms-title = 绑定手机号
new-sms-to = 手机号
new-sms-hint = 中国大陆以外的号码请加 + 和国家代码。
new-mail-title = 绑定备用邮箱
new-sms-other = 使用其他号码
new-mail-other = 使用其他邮箱
new-mail-to = 其他服务商的邮箱地址
new-passkey-title = 绑定通行密钥
new-passkey-lead = 设备会要求您验证指纹、面容或 PIN 码。这些信息不会发送给我们。
new-passkey-name-hint = 便于区分多个密钥，例如“笔记本电脑”。
new-passkey-make = 创建通行密钥
new-provider-title = 绑定{ $provider }
new-provider-lead = 您将前往{ $provider }，确认后返回此处。
new-provider-go = 前往{ $provider }
confirm-it-is-you = 确认您的身份
confirm-lead = 您即将更改帐号的安全设置。
change-lead = 新的方式确认后立即取代原有方式，原有方式随即失效。
remove-factor-means = 移除后不能再用它确认登录。此操作无法撤销，但可以重新添加。
recovery-title = 恢复码
recovery-left =
    { $count ->
        [0] 恢复码已用完。
       *[other] 还剩 { $count } 个恢复码。
    }
recovery-never = 尚未生成。
recovery-made = 生成于 { $at }。
recovery-replaces = 生成新的恢复码后，旧的恢复码立即失效。
recovery-make = 生成新的恢复码
new-recovery-title = 您的恢复码
new-recovery-once = 恢复码仅显示这一次。请打印或抄写，并与手机分开保管。
new-recovery-for = { $account } 的恢复码。
new-recovery-print-hint = 请用浏览器菜单打印此页。
new-recovery-kept = 我已保存

## 客户端专用密码

passwords-lead = 客户端专用密码供 Outlook、Foxmail、手机邮件等邮件客户端登录。它不能用于其他用途，可单独移除。
passwords-count = 您的客户端专用密码：{ $count } / { $most }
passwords-none = 还没有客户端专用密码。请为每台设备生成一个。
passwords-still-tried = 仍有设备在使用已移除的密码
passwords-still-tried-advice = 这些设备无法登录，反复尝试还可能导致您的地址被封锁。请在设备上填入新的客户端专用密码，或在设备上移除该邮箱帐号。
passwords-how = 设置方法
password-never-used = 从未使用
password-used = 最近使用：{ $at }，{ $how }
password-used-from = 来自 { $address }，{ $protocol }
address-in-place = { $address }（{ $place }）
password-made = 生成于 { $at }
password-until = { $at } 到期
password-ends-soon = 即将到期
password-ended = 已到期
password-only-for = 仅限 { $protocols }
password-only-from = 仅限来自 { $networks }
remove-all = 移除全部客户端专用密码
new-password-title = 新建客户端专用密码
new-password-lead = 密码由系统生成，共 16 个字符，无法被猜到。您只需为它起一个名称。
new-password-name = 用于哪台设备？
new-password-name-hint = 起一个名称，例如“手机”或“办公室 Outlook”。这里不是填密码。
new-password-more = 更多选项
new-password-protocols = 可用协议
new-password-protocols-hint = 不选则全部可用。
new-password-expires = 有效期
new-password-never = 永久有效
new-password-networks = 仅限以下网络
new-password-networks-hint = 填写地址或网段（如 192.0.2.0/24），以空格分隔；留空表示不限。手机的地址经常变化，不宜限制。
new-password-make = 生成密码
new-profile-title = iPhone、iPad 或 Mac 描述文件
new-profile-short = 用于 iPhone、iPad 或 Mac
new-profile-lead = 描述文件会在苹果设备上自动设置好邮箱，并使用一个新的客户端专用密码，您无需查看或输入它。
new-profile-name-hint = 例如“iPhone”，客户端专用密码将使用这个名称。
new-profile-make = 生成密码并下载描述文件
new-profile-then = 然后
steps-profile =
    请直接在要设置的设备上打开本页：文件中含有密码。如在别处保存过该文件，请将其删除。
    iPhone 和 iPad：允许下载，然后打开“设置”中的“已下载描述文件”，选择“安装”。
    Mac：打开该文件，然后在“系统设置”的“通用”中打开“设备管理”并安装。
    如果没有成功，请在列表中移除该客户端专用密码，然后重新开始。
new-profile-unsigned = 设备会提示描述文件未签名，这是正常的；请确认文件来自本页。
shown-title = 客户端专用密码“{ $name }”
shown-once = 密码仅显示这一次。请在离开本页前将其填入邮件客户端。
shown-spaces = 区分大小写，空格可忽略。
shown-spelled = 字母读法
shown-qr = 显示为二维码
shown-qr-hint = 用手机相机扫描后复制文字。请勿让他人看到。
shown-qr-label = 客户端专用密码的二维码
shown-next = 接下来，填入邮件客户端
shown-how = 用户名为 { $account }，密码为上方的密码。具体步骤请参见：
shown-done = 我已填好
remove-password-means = 使用此密码的设备将立即无法登录。此操作无法撤销，但可以重新生成。
remove-all-means = 将移除全部 { $count } 个客户端专用密码，所有邮件客户端将立即无法登录。
spell-words = Apple Book Cat Dog Egg Fish Girl Hand Ice Juice King Lion Moon Nose Orange Pen Queen Rice Sun Tea Umbrella Van Water X-ray Yes Zoo
spell-capital = 大写 { $character }（{ $word }）
spell-small = 小写 { $character }（{ $word }）
spell-digit = 数字 { $character }

## 邮件客户端帮助

program-foxmail = Foxmail
program-outlook = Outlook
program-iphone = iPhone 和 iPad
program-android = 安卓手机
program-huawei = 华为手机
program-thunderbird = Thunderbird
help-title-foxmail = 设置 Foxmail
help-title-outlook = 设置 Outlook
help-title-iphone = 设置 iPhone 和 iPad
help-title-android = 设置安卓手机
help-title-huawei = 设置华为手机
help-title-thunderbird = 设置 Thunderbird
help-steps = 操作步骤
help-servers = 填写内容
help-user-name = 用户名
help-password = 密码
help-your-address = 您的完整邮箱地址
help-no-servers = 服务器信息请咨询管理员。
help-profile = 最简单的方法
help-your-client-password = 您的客户端专用密码，而非主密码
help-port = 端口 { $port }
help-others = 其他邮件客户端
profile-name = { $account } 的邮箱
profile-description = 用客户端专用密码“{ $name }”设置邮箱 { $account }。移除此描述文件会从本设备上移除该帐号；请同时在 { $site } 上移除该客户端专用密码。
steps-foxmail =
    打开右上角菜单，选择“帐号管理”。
    点击“新建”，选择“其他邮箱”，再选择“手动设置”。
    接收服务器类型选择 IMAP，输入邮箱地址和客户端专用密码。
    按下方内容填写服务器和端口，并勾选 SSL。
    点击“创建”。如果已有此帐号，只需更换密码。
steps-outlook =
    打开“文件”，选择“添加帐户”。新版 Outlook：“设置”、“帐户”、“添加帐户”。
    输入邮箱地址，在高级选项中选择手动设置。
    选择 IMAP，按下方内容填写服务器和端口。
    提示输入密码时，填写客户端专用密码。
    如果已有此帐户：“文件”、“帐户设置”，更换密码即可。
steps-iphone =
    打开“设置”、App、“邮件”，进入“邮件帐户”（iOS 18 之前：“设置”、“邮件”、“帐户”）。
    选择“添加帐户”、“其他”、“添加邮件帐户”。
    输入姓名、邮箱地址和客户端专用密码。
    选择 IMAP，按下方内容填写服务器。收件和发件使用相同的用户名和密码。
    点击“存储”。如果已有此帐户，点开后更换密码，发件服务器也要更换。
steps-android =
    打开邮件应用（例如 Gmail），选择添加帐户。
    选择“其他”，输入邮箱地址。
    选择 IMAP，输入客户端专用密码。
    按下方内容填写服务器和端口，先收件，后发件。
    如果已有此帐户，在帐户设置中更换密码即可。
steps-huawei =
    打开“电子邮件”，选择“其他”。
    输入邮箱地址和客户端专用密码，选择“手动设置”。
    选择 IMAP，按下方内容填写收件服务器和端口，安全类型选 SSL/TLS。
    按下方内容填写发件服务器和端口，用户名和密码相同。
    如果已有此帐户，在帐户设置中更换密码即可。
steps-thunderbird =
    打开菜单，选择“新建帐户”、“电子邮件”。
    输入姓名、邮箱地址和客户端专用密码。
    选择“手动配置”，按下方内容填写服务器和端口，身份验证方式选“普通密码”。
    点击“完成”。
    如果已有此帐户：“设置”、“隐私与安全”、“已保存的密码”，删除旧密码，提示时输入客户端专用密码。

## 设备

devices-trusted = 可信设备
devices-trusted-lead = 这些浏览器登录时免二次验证。
devices-trusted-none = 没有可信设备。
devices-since-until = { $since } 设为可信，至 { $until }
devices-cancel = 取消信任
devices-cancel-named = 取消信任：{ $name }
devices-logins = 最近 { $days } 天的登录记录
devices-logins-lead = 所有登录成功的设备：本门户的浏览器（包括已退出的）和邮件客户端。如有不认识的设备，请修改主密码，移除其使用的客户端专用密码，撤回您不认识的委托，并在所有设备上退出。
devices-device = 设备
devices-with = 登录方式
devices-place = 地点
devices-when = 时间
devices-end = 退出登录
devices-end-named = 退出登录：{ $name }
devices-remove-password = 移除密码
devices-remove-password-of = 移除密码：{ $name }
devices-more = 记录较多，仅显示最近的部分。
devices-mail-hint = 要停止某个邮件客户端，请移除其客户端专用密码。
devices-everywhere = 在所有设备上退出
devices-everywhere-means = 结束所有浏览器的登录（包括当前浏览器），并取消全部可信设备。邮件客户端不受影响。
device-unknown = 未知设备
device-and-system = { $program }（{ $system }）
devices-on = 已登录
login-browser-password = 浏览器（密码）
login-browser-trusted = 浏览器（密码，可信设备）
login-browser-totp = 浏览器（密码 + 应用验证码）
login-browser-sms = 浏览器（密码 + 短信验证码）
login-browser-mail = 浏览器（密码 + 邮件验证码）
login-browser-passkey = 浏览器（密码 + 通行密钥）
login-browser-provider = 浏览器（密码 + { $provider }）
login-browser-recovery = 浏览器（密码 + 恢复码）
login-browser-pending = 浏览器（密码；尚未完成二次验证）
login-client-password = 客户端专用密码“{ $name }”
login-removed-password = 已移除的客户端专用密码“{ $name }”
login-mail-program = 邮件客户端（{ $protocol }）
login-main-password = 主密码
stopped-title = 有人知道您的主密码
stopped-lead = 有人输入了您的正确主密码，但未通过二次验证，没有登录成功。
stopped-slips-title = 未通过二次验证的登录
stopped-slips-lead = 主密码正确，但没有完成二次验证。来自您常用的浏览器和地址：可能是您输错了验证码，或中途放弃。
stopped-badge = 已拦截
stopped-nowhere = 来自未知地址
stopped-slip = 来自您常用的浏览器和地址
stopped-attempts = 尝试 { $count } 次
stopped-wrong = 验证码错误 { $count } 次
stopped-do = 不是您本人？请立即修改主密码。
stopped-you = 如果是您本人输错了验证码或中途放弃，无需处理。
week-key = 圆点表示一次登录；红色菱形表示有人未通过二次验证而被拦截。
week-came-in =
    { $count ->
        [0] 没有登录
       *[other] { $count } 次登录
    }
week-stopped = 拦截 { $count } 次
ago-now = 刚刚
ago-minutes = { $count } 分钟前
ago-hours = { $count } 小时前
ago-days = { $count } 天前

## 委托

delegations-lead = 让同事查看您的邮箱或代您发信，而无需透露密码。
delegations-lead-sending = 让同事代您发信，而无需透露密码。
delegations-granted = 谁可以使用您的邮箱
delegations-granted-none = 仅您本人。
delegations-received = 您可以使用的邮箱
delegations-received-none = 仅您自己的邮箱。
delegations-since = 自 { $since } 起
delegations-place-theirs = 在对方的邮件客户端中：{ $place }
delegations-place-yours = 在您的邮件客户端中：{ $place }（下次登录后可见）
delegations-sending-only = 本站的邮件客户端不显示他人的邮箱：委托仅用于发信。
delegations-withdraw = 撤回
delegations-withdraw-named = 撤回：{ $name }
delegations-grant-title = 委托他人使用您的邮箱
delegations-grant = 授予
delegations-delegate = 对方的邮箱地址
delegations-right = 允许对方做什么？
right-read = 只读
right-on-behalf = 代表发送
right-send-as = 代理发送
right-sees = 可查看您的邮件和文件夹，不能更改，也不会改变未读状态。
right-works = 可查看、移动和删除您的邮件。
right-sends-marked = 可代表您发信，邮件标明“代发”，收件人会看到双方的名字。
right-sends-unmarked = 可代表您发信，收件人只看到您。
right-sends-as = 可直接以您的名义发信，收件人只看到您。
may-title = 各项权限
may-view = 查看邮件
may-unread = 改变邮件未读状态
may-delete = 删除邮件
may-write = 转发/回复/写信
may-told = 发信说明
told-both = 标明“代发”
told-owner = 只显示您

## 被封锁的地址

block-title = 我的地址是否被封锁？
block-your-address = 您当前的地址是 { $address }。
block-no-address = 无法获知您的地址。
block-until = 该地址已被封锁，至 { $until } 解除。在此之前，该地址上的邮件客户端都无法登录。
block-why = 该地址登录失败次数过多，通常是因为某台设备仍在使用旧密码。
block-lift = 解除封锁
block-network = 管理员已封锁整个网段 { $network }，只有管理员可以解除该封锁。如需从该网段登录，请联系管理员。
block-again = 请先更正或关闭使用旧密码的设备，否则地址会再次被封锁。
block-sign-in = 通过二次验证登录后，您可以自行解除封锁。否则到期会自动解除。
block-none = 该地址未被封锁。
block-others = 其他被封锁的地址
block-others-lead = 最近一天内，曾有人从这些地址登录您的帐号失败。请仅在认识该地址时解除封锁；否则可能有人在猜测密码，请不要解除。
block-since-until = { $since } 起封锁，至 { $until }
block-none-advice = 如果邮件客户端无法登录，请检查客户端专用密码。使用移动数据的手机与此浏览器的地址不同。

## 错误

error-form = 表单已失效
error-form-advice = 未做任何更改。请返回并刷新页面，然后重新提交。
error-address = 本站点设置有误
error-address-advice = 未做任何更改。浏览器中的网址与站点设置中的网址不一致，重新提交也无济于事。请告知管理员：门户的日志中写有这两个网址。
error-astray = 收到的确认与本次操作不符
error-astray-advice = 该确认已超时、已使用过，或属于其他窗口。未做任何更改。请返回重新操作并再次确认。
error-forbidden = 无权访问此页面
error-forbidden-advice = 请使用其他帐号登录，或联系管理员。
error-not-found = 页面不存在
error-not-found-advice = 地址可能有误，或内容已被移除。
error-too-large = 提交的内容过大
error-too-large-advice = 请返回并减少内容后重试。
error-too-many = 请求过于频繁
error-too-many-advice = 请等待一分钟后重试。
error-unavailable = 暂时无法处理
error-unavailable-advice = 这是我们的问题，未做任何更改。请几分钟后重试。
error-home = 返回概览
error-status = 错误 { $status }

## 操作结果

said-signed-out = 您已退出登录。
said-signed-out-everywhere = 您已在所有设备上退出登录。
said-sign-in-again = 登录已过期，请重新登录。
said-code-sent = 新的验证码已发送至 { $to }。之前的验证码已失效。
said-two-factor-on = 二次验证已开启。其他浏览器均已退出登录，并且不再受信任。
said-two-factor-off = 二次验证已关闭。
said-first-factor-bound = 已绑定“{ $name }”。其他浏览器均已退出登录，并且不再受信任。
said-factor-bound = 已绑定“{ $name }”。
said-factor-changed = 已更改“{ $name }”。其他浏览器均已退出登录，并且不再受信任。
said-factor-removed = 已移除“{ $name }”。其他浏览器均已退出登录，并且不再受信任。
said-password-removed = 客户端专用密码“{ $name }”已移除，不能再使用。
said-passwords-removed = 已移除 { $count } 个客户端专用密码。
said-trust-cancelled = 已取消信任该设备。
said-device-signed-out = 另一个浏览器已退出登录。
said-device-named-signed-out = { $name } 已退出登录。
said-granted = { $delegate } 现在可以使用您的邮箱。
said-withdrawn = { $delegate } 不能再使用您的邮箱。
said-block-lifted = 已解除对 { $address } 的封锁。
said-factors-reset = 已重置 { $account } 的二次验证方式。
said-factors-unlocked = 已清除 { $account } 的验证码错误计数，现在可以继续使用验证码。
said-account-signed-out = { $account } 的所有登录均已退出，不再信任任何浏览器。

## 问题提示

problem-wrong-password = 邮箱地址或密码错误。
problem-wrong-app-code = 验证码错误。请输入应用当前显示的验证码。
problem-wrong-clock = 验证码错误。请输入应用当前显示的验证码。手机时间是否设为自动？
problem-used-code = 此验证码已使用过。请等待下一个（最多 30 秒）。
problem-wrong-recovery-code = 这不是您的恢复码，或已使用过。请换一个恢复码。
problem-wrong-code = 验证码错误。请使用最新的验证码重试。
problem-wrong-set-up-code = 设置码错误。请核对后重试，或联系管理员。
problem-code-ended = 验证码已失效，请重新获取。
problem-wait = 验证码错误次数过多。请等到 { $until }，或选择其他方式。
problem-blocked = 您的地址登录失败次数过多，已被封锁，至 { $until } 解除。
problem-network-blocked = 管理员已封锁您所在的整个网段，至 { $until } 解除。只有管理员可以解除该封锁。
problem-lifted-too-often = 您今天已多次解除封锁。此封锁到期会自动解除；{ $until } 之后可再次手动解除。
problem-dialogue-ended = 操作超过五分钟，请重新开始。
problem-passkey-refused = 通行密钥未通过验证。请重试，或选择其他方式。
problem-passkey-needs-script = 通行密钥需要 JavaScript。请开启，或选择其他方式。
problem-provider-refused = 未能确认。请重试，或选择其他方式。
problem-name-missing = 请输入名称。
problem-name-too-long = 名称最多 { $most } 个字符。
problem-name-unprintable = 名称中含有制表符或其他不可见字符。请重新输入，只使用普通空格。
problem-name-taken = 已有同名的项目，请换一个名称。
problem-name-is-password = 这看起来像密码。请输入设备名称，密码由系统生成。
problem-too-many-passwords = 最多可有 { $most } 个客户端专用密码，请先移除一个。
problem-sent-enough = 验证码发送次数已达上限，{ $until } 之后可再次发送。在此之前，请选择其他方式。
problem-sent-just-now = 刚刚已向您发送过验证码，{ $until } 之后可以再次获取。
problem-wait-to-sign-in = 此帐号登录失败次数过多。请在 { $seconds } 秒后重试，或同时输入验证码。
problem-wait-for-password = 密码错误次数过多，请在 { $seconds } 秒后重试。
problem-busy = 来自您所在地址的另一次登录正在核对中，请几秒后重试。
problem-locked = 验证码错误次数过多，已不再接受验证码。如有通行密钥或恢复码，请使用它们；否则请联系管理员。
problem-lost-key = 无法验证此验证方式：邮件服务器丢失了保存它所用的密钥。请联系管理员。同一时期的恢复码和其他验证方式也无法使用。
problem-too-many = 此类已有 { $most } 个，达到上限。请先移除或更换。
problem-only-factor = 这是您唯一的二次验证方式，且二次验证已开启。请先添加另一种，或关闭二次验证。
problem-mandatory = 您所在的单位要求开启二次验证，无法关闭。
problem-no-factors = 请先添加一种二次验证方式。
problem-kind-off = 您所在的单位不使用这种二次验证方式，请另选一种。
problem-expiry-unreadable = 请从列表中选择有效期。
problem-network-unreadable = 其中有不是地址或网段（如 192.0.2.0/24）的内容，或超过 { $most } 个。
problem-phone-unreadable = 手机号格式不正确。
problem-phone-country-off = 不向该国家或地区的号码发送验证码。请使用其他号码或其他方式。
problem-phone-taken = 您的帐号已绑定手机号，请更改原有号码。
problem-address-unreadable = 邮箱地址格式不正确。
problem-address-not-external = 请使用其他服务商的邮箱：无法登录本站时，也无法收取本站邮件。
problem-not-sent = 验证码发送失败。请一分钟后重试，或选择其他方式。
problem-no-such-account = 此处没有该帐号。
problem-named-too-many = 您输入了过多此处没有的地址，请在 { $until } 之后重试。
problem-yourself = 这是您自己的地址。
problem-reason-missing = 请填写原因，原因会记入日志。
problem-reason-too-long = 原因最多 { $most } 个字符。
problem-unavailable = 暂时无法处理，请几分钟后重试。

## 管理员页面

admin-title = 登录失败与封锁
admin-chart-title = 最近几小时
admin-day = 24 小时
admin-week = 7 天
admin-chart-sum = 登录失败 { $failures } 次，新增封锁 { $blocks } 个。
admin-chart-table = 以表格显示
admin-failures = 登录失败
admin-new-blocks = 新增封锁
admin-hour = 起始时间
admin-chart-peak = 峰值：{ $at } 起的一小时内失败 { $failures } 次。
admin-chart-peak-hours = 峰值：{ $at } 起的六小时内失败 { $failures } 次。
admin-blocked-until = 封锁至 { $until }
admin-blocked-by = （因 { $block } 被封锁）
admin-top-addresses = 失败最多的地址
admin-top-accounts = 失败最多的帐号
admin-address = 地址
admin-account = 帐号
admin-none = 无
admin-blocks-title = 封锁
admin-blocks-now =
    { $count ->
        [0] 当前没有被封锁的地址。
       *[other] 当前封锁 { $count } 个地址。
    }
admin-since = 开始
admin-until = 结束
admin-reason = 原因
admin-exempt = 已豁免，不生效
reason-by-hand = 由管理员封锁
reason-failures = 连续失败 { $failures } 次
reason-accounts = 涉及 { $accounts } 个帐号
reason-repeated = 其中 { $repeated } 次是同一个错误密码
reason-repeated-several = 其中 { $repeated } 次是同样的 { $passwords } 个错误密码
reason-program = 来自 { $program }
reason-spared = 设置 lockout.repeats = "once" 可避免
admin-lift = 解除
admin-lift-named = 解除对 { $name } 的封锁
admin-accounts-title = 帐号
admin-search = 地址的一部分
admin-search-button = 搜索
admin-only = 显示
admin-only-all = 全部帐号
admin-only-two-factor-off = 二次验证未开启
admin-only-never-signed-in = 从未登录
admin-only-no-client-password = 没有客户端专用密码
admin-signed-in = 最近登录
admin-never = 从未
admin-some = 帐号列表
admin-found =
    { $count ->
        [0] 未找到帐号。
       *[other] { $count } 个帐号
    }
admin-facts = 基本情况
admin-state = 状态
admin-enabled = 启用
admin-disabled = 已停用
admin-group = 组
admin-created = 创建于
admin-wrong-codes = 连续错误的验证码次数
admin-codes-wait = { $until } 之前不接受验证码
admin-codes-locked = 解除锁定之前不接受验证码
admin-code-waits = 下次登录时须输入，有效期至 { $until }
admin-sessions = 登录会话
admin-trusted = 可信浏览器
admin-unlock-title = 解除验证码锁定
admin-unlock-means = 清除验证码错误计数，恢复使用验证码，其他不变。输错验证码的人知道主密码，请先让本人修改主密码。系统会通知本人。
admin-sign-out-title = 退出所有登录
admin-sign-out-means = 结束此帐号在本门户的全部登录，并不再信任任何浏览器。邮件客户端不受影响。
admin-reset-title = 重置二次验证方式
admin-reset-means = 将移除此帐号的全部二次验证方式、恢复码和可信设备。请务必核实申请人身份，这是盗取帐号的常见手段。系统会通知本人。
admin-reset-code = 重置后会显示一次设置码，本人下次登录时须输入。
admin-reset-no-code = 本站不使用设置码：重置后，最先用主密码登录的人即可绑定新的验证方式。请先让本人修改主密码。
admin-code-title = 设置码
admin-code-once = 设置码仅显示这一次。
admin-code-means = 请将设置码交给 { $account } 的本人，不要告诉其他任何人：当面交付，或通过可信的电话告知。下次登录时，须先输入设置码才能添加二次验证方式。
admin-code-until = 有效期至 { $until }。再次重置会生成新的设置码。
admin-code-done = 我已交付
admin-reset-look = 如果可能有他人进入过此帐号，请先更改其主密码，并检查可能留下的内容：
admin-reset-sessions =
    { $count ->
        [0] 没有本门户的登录。
       *[other] 本门户的登录 { $count } 个，重置时全部退出。
    }
admin-reset-passwords =
    { $count ->
        [0] 没有客户端专用密码。
       *[other] 客户端专用密码 { $count } 个，重置后仍然有效：请移除本人不认识的。
    }
admin-reset-delegations =
    { $count ->
        [0] 没有委托。
       *[other] 委托 { $count } 项，重置后仍然有效：请撤回本人不认识的。
    }
admin-reset-reason = 原因（记入日志）
admin-rollout-title = 上线进度
admin-rollout-whom = 受规则影响的帐号
admin-rollout-lead = 最近 { $days } 天内，邮件客户端使用主密码或违反规则的帐号。
admin-rollout-observe = 仅观察期间，“将被拒绝”一列的登录都已放行。
admin-rollout-none = 没有：所有邮件客户端都符合规则。
admin-would-refuse = 将被拒绝
admin-main-password = 使用主密码
admin-last = 最近一次
admin-next = 下一页
admin-protocols = 协议
admin-addresses = 地址数
admin-passwords-used = 使用中的客户端专用密码
admin-used-of = { $used } / { $all }
admin-unknown = 无此帐号
