//! Imports, and lists over all accounts.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::accounts::password_view;
use super::{Answer, Api, Body, By, Params, cut, rows};
use crate::api::{
    ImportAccount, ImportAccounts, ImportAnswer, ImportMistake, ImportPassword, ImportPasswords,
    PasswordLine, PasswordList,
};
use crate::gate::import::{AccountRow, Fault, PasswordRow};
use crate::store::orders::Imported;

pub(super) async fn accounts(
    State(api): State<Api>,
    by: By,
    body: Body<ImportAccounts>,
) -> Answer<ImportAnswer> {
    let ImportAccounts { dry_run, accounts } = body?.0;
    let row = |row: &ImportAccount| {
        AccountRow::new(&row.account, (row.enabled, row.two_factor), row.group.as_deref(), &row.aliases)
    };
    match read(&accounts, row) {
        Ok(rows) => Ok(answer(api.service.import_accounts(rows, dry_run, &by.0.0).await?)),
        Err(mistakes) => Ok(answer(Imported { mistakes, ..Imported::default() })),
    }
}

pub(super) async fn passwords(
    State(api): State<Api>,
    by: By,
    body: Body<ImportPasswords>,
) -> Answer<ImportAnswer> {
    let ImportPasswords { dry_run, passwords } = body?.0;
    let now = api.service.now();
    let row = |row: &ImportPassword| {
        let terms = (&row.protocols[..], &row.networks[..]);
        PasswordRow::new(&row.account, &row.name, &row.hash, terms, row.expires, now)
    };
    match read(&passwords, row) {
        Ok(rows) => Ok(answer(api.service.import_passwords(rows, dry_run, &by.0.0).await?)),
        Err(mistakes) => Ok(answer(Imported { mistakes, ..Imported::default() })),
    }
}

/// All rows, or every mistake in them.
fn read<T, R>(given: &[T], row: impl Fn(&T) -> Result<R, Vec<Fault>>) -> Result<Vec<R>, Vec<(usize, Fault)>> {
    let (mut rows, mut mistakes) = (Vec::with_capacity(given.len()), Vec::new());
    for (number, given) in given.iter().enumerate() {
        match row(given) {
            Ok(row) => rows.push(row),
            Err(faults) => mistakes.extend(faults.into_iter().map(|fault| (number, fault))),
        }
    }
    if mistakes.is_empty() { Ok(rows) } else { Err(mistakes) }
}

fn answer(done: Imported) -> Json<ImportAnswer> {
    let mistake =
        |(row, Fault { column, why })| ImportMistake { row, column: column.to_owned(), message: why };
    Json(ImportAnswer {
        added: done.added,
        changed: done.changed,
        unchanged: done.unchanged,
        mistakes: done.mistakes.into_iter().map(mistake).collect(),
        warnings: done.warnings.into_iter().map(mistake).collect(),
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Page {
    after: i64,
    limit: Option<u32>,
}

pub(super) async fn list(State(api): State<Api>, page: Params<Page>) -> Answer<PasswordList> {
    let page = page?.0;
    let limit = rows(page.limit);
    let (lines, more) = cut(api.service.passwords(page.after, limit + 1).await?, limit);
    let line = |line: crate::store::PasswordLine| PasswordLine {
        account: line.account,
        password: password_view(line.password),
    };
    Ok(Json(PasswordList { passwords: lines.into_iter().map(line).collect(), more }))
}
