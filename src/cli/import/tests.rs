//! What is sent, and what is told, without a daemon.

use super::*;

#[test]
fn every_mistake_of_a_file_is_told_with_its_line_and_column() {
    let text = "account,two_factor,aliases\n\
                a@b.c,maybe,b@b.c\n\
                b@b.c,on,\n\
                A@B.C,,c d@\n\
                ann,,\n";
    let (_, mut mistakes) = accounts(text.as_bytes());
    mistakes.sort_by_key(|mistake| mistake.line);
    let said: Vec<(u64, &str)> = mistakes
        .iter()
        .map(|mistake| (mistake.line, mistake.column.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        said,
        [(2, "two_factor"), (2, "aliases"), (4, "aliases"), (4, "aliases"), (5, "account")],
        "{mistakes:?}"
    );

    let (items, mistakes) = accounts(b"account\na@b.c\nA@b.c\n");
    assert_eq!((items.len(), mistakes[0].line), (2, 3));
    assert!(mistakes[0].message.contains("a@b.c is in line 2 already"), "{mistakes:?}");
}

#[test]
fn what_belongs_to_an_account_goes_in_one_request() {
    let hash = "$2y$05$LQbp/3uFL6Vc1/qN5h3va.nGYTpsKBGrs/mZumKwAYlOXLmKnK0XO";
    let mut text = String::from("account,name,hash\n");
    for n in 0..2000 {
        text.push_str(&format!("{}@example.org,device {n},{hash}\n", n % 700));
    }
    let (items, mistakes) = passwords(text.as_bytes());
    assert_eq!((items.len(), mistakes.len()), (2000, 0));
    let requests = cut(&items).unwrap();
    assert!(requests.len() > 3, "{requests:?}");
    let mut next = 0;
    for range in requests {
        assert_eq!(range.start, next);
        next = range.end;
        let bytes: usize =
            items[range.clone()].iter().map(|item| serde_json::to_vec(&item.row).unwrap().len() + 1).sum();
        assert!(bytes <= REQUEST_BYTES, "{bytes}");
        let before = range.start.checked_sub(1).map(|place| &items[place].account);
        assert_ne!(before, Some(&items[range.start].account));
    }
    assert_eq!(next, 2000);
}

#[test]
fn more_of_one_account_than_a_request_holds_is_cut_apart() {
    let hash = "$2y$05$LQbp/3uFL6Vc1/qN5h3va.nGYTpsKBGrs/mZumKwAYlOXLmKnK0XO";
    let line = |n: usize| format!("a@b.c,device {n},{hash}\n");
    let text = format!("account,name,hash\n{}", (0..1000).map(line).collect::<String>());
    let (items, _) = passwords(text.as_bytes());
    let requests = cut(&items).unwrap();
    assert!(requests.len() > 1);
    assert_eq!(requests.iter().map(|range| range.len()).sum::<usize>(), 1000);
}
