//! The sender headers of a mail: whatever they hold, what is shown is what was checked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::gate::header::{Header, Refusal, Ruling, Senders};
use sidegate::gate::mailboxes::{ADDRESSES_MAX, addresses};
use sidegate::gate::sender::Standing;

fuzz_target!(|bytes: &[u8]| {
    if let Some(found) = addresses(bytes) {
        assert!((1..=ADDRESSES_MAX).contains(&found.len()));
        for (place, address) in found.iter().enumerate() {
            assert!(address.contains('@') && !found[..place].contains(address), "{found:?}");
            assert!(!address.contains(|c: char| c.is_ascii_control() || c == ' '), "{address:?}");
            // It is one address wherever it stands.
            assert_eq!(addresses(format!("<{address}>").as_bytes()).as_deref(), Some(&[address.clone()][..]));
        }
        // More names beside it do not hide it.
        let more = [b"Ann <ann@example.org>, ", bytes].concat();
        if let Some(both) = addresses(&more) {
            assert!(found.iter().all(|address| both.contains(address)), "{found:?} in {both:?}");
        }
    }
    let lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (from, sender) = lines.split_at(lines.len().div_ceil(2));
    match Senders::read(from, sender, b"<ann@example.org>") {
        Ok(senders) => {
            assert_eq!(from.len(), 1, "several are refused");
            let nobody = senders.judge(|_| Standing::Nobodys);
            assert!(matches!(nobody, Ruling::Refuse(Refusal::Forged(Header::From, _))), "{nobody:?}");
            let all = senders.judge(|_| Standing::Own);
            assert_eq!(
                all == Ruling::Accept,
                sender.len() <= 1 && sender.iter().all(|one| addresses(one).is_some())
            );
            for address in senders.addresses() {
                let one =
                    senders.judge(|asked| if asked == address { Standing::Foreign } else { Standing::Own });
                assert_ne!(one, Ruling::Accept, "{address} is a stranger's");
            }
        }
        Err(refusal) => assert!(!matches!(refusal, Refusal::Forged(..))),
    }
});
