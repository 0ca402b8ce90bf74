//! What a session may do, against a table written by hand; and its tokens and its end.

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000);

fn session(stage: Stage) -> Session {
    Session { id: 1, account_id: 7, stage, created: NOW, seen: NOW, proof: None }
}

fn before(end: Timestamp) -> Timestamp {
    Timestamp(end.0 - 1)
}

#[test]
fn tokens_are_read_back_and_never_shown() {
    let token = Token::draw(&Entropy::from_seed(1));
    let text = token.reveal();
    assert_eq!(text.len(), 43);
    let again = Token::parse(&text).expect("its own text");
    assert_eq!(again.tag(), token.tag());
    assert_ne!(Token::draw(&Entropy::from_seed(2)).tag(), token.tag());
    assert_eq!(format!("{token:?}"), "Token(..)");
    for bad in ["", &text[1..], &format!("{}A", *text), &format!("{}=", *text), &text.replace(|_| true, "!")]
    {
        assert!(Token::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn stages_are_read_back() {
    for stage in [Stage::Factor, Stage::SetUp, Stage::Trusted, Stage::Full] {
        assert_eq!(Stage::parse(stage.word()), Some(stage));
    }
    assert_eq!(Stage::parse("Full"), None);
}

#[test]
fn a_session_ends_when_it_is_idle_and_when_it_is_old() {
    let full = session(Stage::Full);
    assert!(!full.is_over(before(NOW.plus(IDLE))));
    assert!(full.is_over(NOW.plus(IDLE)));
    let end = NOW.plus(ABSOLUTE);
    let busy = Session { seen: before(end), ..full };
    assert!(!busy.is_over(before(end)));
    assert!(busy.is_over(end));
    assert!(busy.is_over(before(NOW)), "the clock was set back");
    let pending = Session { seen: before(NOW.plus(PENDING)), ..session(Stage::Factor) };
    assert!(!pending.is_over(before(NOW.plus(PENDING))));
    assert!(pending.is_over(NOW.plus(PENDING)), "however busy it is");
}

/// What was proved in a session: nothing but the main password, or the set-up code beside it, or a factor, or a recovery
/// code; and when.
const MEANS: [Option<Means>; 5] =
    [None, Some(Means::MainPassword), Some(Means::SetUpCode), Some(Means::Factor(1)), Some(Means::Recovery)];

/// One combination of everything that counts.
#[derive(Clone, Copy, Debug)]
struct Case {
    owner: Owner,
    stage: Stage,
    means: Option<Means>,
    fresh: bool,
}

fn every_case() -> Vec<Case> {
    let both = [false, true];
    let duties = [Duty::None, Duty::Until(NOW.plus(FRESH)), Duty::Now];
    let stages = [Stage::Factor, Stage::SetUp, Stage::Trusted, Stage::Full];
    choices(&[2, 2, 2, 3, 2, 2, 4, 5, 2])
        .into_iter()
        .map(|at| Case {
            owner: Owner {
                enabled: both[at[0]],
                bound: both[at[1]],
                two_factor: both[at[2]],
                duty: duties[at[3]],
                administers: both[at[4]],
                awaits_code: both[at[5]],
            },
            stage: stages[at[6]],
            means: MEANS[at[7]],
            fresh: both[at[8]],
        })
        .collect()
}

/// Every way to choose one of so many, so many times.
fn choices(sizes: &[usize]) -> Vec<Vec<usize>> {
    sizes.iter().fold(vec![Vec::new()], |ways, size| {
        let longer = |way: Vec<usize>| {
            (0..*size).map(move |at| way.iter().copied().chain([at]).collect::<Vec<usize>>())
        };
        ways.into_iter().flat_map(longer).collect()
    })
}

/// How far a session goes, by hand: bound, a set-up code is waited for, on, duty now, stage (trust is one), a factor proved
/// in it; `?` is either.
const REACHES: &[(&str, Stage)] = &[
    // Nothing is bound: what has to be is to be set up, whatever the session was good for.
    ("bound- code- on- now- stage? proved?", Stage::Full),
    ("bound- code- on- now+ stage? proved?", Stage::SetUp),
    ("bound- code- on+ now? stage? proved?", Stage::SetUp),
    // It was reset: the main password alone opens nothing, whether two-factor is on or not.
    ("bound- code+ on? now? stage? proved?", Stage::SetUp),
    // Past the date with two-factor off: no session goes on without another proof.
    ("bound+ code? on- now+ stage? proved?", Stage::Factor),
    // The main password alone.
    ("bound+ code? on- now- factor proved?", Stage::Factor),
    ("bound+ code? on+ now? factor proved?", Stage::Factor),
    ("bound+ code? on- now- set-up proved?", Stage::Factor),
    ("bound+ code? on+ now? set-up proved?", Stage::Factor),
    // Begun before the first factor was bound.
    ("bound+ code? on- now- full proved-", Stage::Factor),
    ("bound+ code? on+ now? full proved-", Stage::Factor),
    ("bound+ code? on- now- full proved+", Stage::Full),
    ("bound+ code? on+ now? full proved+", Stage::Full),
    // A trusted browser.
    ("bound+ code? on- now- trusted proved?", Stage::Full),
    ("bound+ code? on+ now? trusted proved?", Stage::Full),
];

/// What is allowed there, by hand: how far it goes; what was proved lately (`-` nothing, `m` the main password, `c` the
/// set-up code, `f` a factor or recovery code); bound; a set-up code is waited for and was not given in it; then prove, set up,
/// look, change.
const OWN: &[(&str, [Result<(), Denied>; 4])] = {
    use Denied::{Factor as F, SetUp as S, SetUpCode as C, Stale as T};
    &[
        ("factor ? ? ?", [Ok(()), Err(F), Err(F), Err(F)]),
        ("set-up ? ? wanted-", [Ok(()), Ok(()), Err(S), Err(S)]),
        ("set-up ? ? wanted+", [Ok(()), Err(C), Err(S), Err(S)]),
        ("full - ? ?", [Ok(()), Err(T), Ok(()), Err(T)]),
        ("full m - ?", [Ok(()), Ok(()), Ok(()), Ok(())]),
        ("full m + ?", [Ok(()), Err(F), Ok(()), Err(F)]),
        ("full c - ?", [Ok(()), Ok(()), Ok(()), Ok(())]),
        ("full c + ?", [Ok(()), Err(F), Ok(()), Err(F)]),
        ("full f ? ?", [Ok(()), Ok(()), Ok(()), Ok(())]),
    ]
};

/// What an administrator may, by hand: how far it goes; a member of the group; bound and on; a factor proved in this
/// session; lately; then oversee, administer.
const ADMINISTRATION: &[(&str, [Result<(), Denied>; 2])] = {
    use Denied::{Factor as F, Forbidden as N, SetUp as S, Stale as T};
    &[
        ("factor ? ? ? ?", [Err(F), Err(F)]),
        ("set-up ? ? ? ?", [Err(S), Err(S)]),
        ("full member- ? ? ?", [Err(N), Err(N)]),
        ("full member+ on- ? ?", [Err(N), Err(N)]),
        ("full member+ on+ proved- ?", [Err(F), Err(F)]),
        ("full member+ on+ proved+ fresh-", [Ok(()), Err(T)]),
        ("full member+ on+ proved+ fresh+", [Ok(()), Ok(())]),
    ]
};

/// The one line of a table that is meant.
#[track_caller]
fn line<T: Copy>(table: &[(&str, T)], facts: &str) -> T {
    let fits = |pattern: &str| {
        let (pattern, facts) = (pattern.split(' '), facts.split(' '));
        pattern.zip(facts).all(|(wanted, fact)| wanted.ends_with('?') || wanted == fact)
    };
    let found: Vec<T> = table.iter().filter(|(pattern, _)| fits(pattern)).map(|(_, said)| *said).collect();
    assert_eq!(found.len(), 1, "{facts}: one line and no other");
    found[0]
}

fn sign(is: bool) -> char {
    if is { '+' } else { '-' }
}

#[test]
fn what_a_session_may_do_is_what_the_tables_say() {
    let cases = every_case();
    assert_eq!(cases.len(), 2 * 2 * 2 * 3 * 2 * 2 * 4 * 5 * 2);
    for case in cases {
        let Case { owner, stage, means, fresh } = case;
        let at = if fresh { NOW } else { Timestamp(NOW.0 - 601) };
        let began = Timestamp(NOW.0 - 602);
        // One that waits for its factor is over in ten minutes.
        let began = if stage == Stage::Factor { NOW } else { began };
        let session = Session { created: began, proof: means.map(|means| (means, at)), ..session(stage) };
        let proved = matches!(means, Some(Means::Factor(_) | Means::Recovery));
        let reach = session.reach(&owner);
        let (bound, on) = (sign(owner.bound), sign(owner.two_factor));
        let now = sign(owner.duty == Duty::Now);
        let code = sign(owner.awaits_code);
        let facts =
            format!("bound{bound} code{code} on{on} now{now} {} proved{}", stage.word(), sign(proved));
        assert_eq!(reach, line(REACHES, &facts), "{case:?}");

        let lately = match means.filter(|_| fresh) {
            None => '-',
            Some(Means::MainPassword) => 'm',
            Some(Means::SetUpCode) => 'c',
            Some(_) => 'f',
        };
        let may = |act| session.allows(act, &owner, NOW);
        let own = [Act::Prove, Act::SetUp, Act::Look, Act::Change].map(may);
        let over = [Act::Oversee, Act::Administer].map(may);
        if !owner.enabled {
            assert!(own.iter().chain(&over).all(|said| *said == Err(Denied::Over)), "{case:?}");
            continue;
        }
        let wanted = sign(owner.awaits_code && means != Some(Means::SetUpCode));
        let facts = format!("{} {lately} {bound} wanted{wanted}", reach.word());
        assert_eq!(own, line(OWN, &facts), "{case:?}");
        let both = sign(owner.bound && owner.two_factor);
        let facts = format!(
            "{} member{} on{both} proved{} fresh{}",
            reach.word(),
            sign(owner.administers),
            sign(proved),
            sign(fresh)
        );
        assert_eq!(over, line(ADMINISTRATION, &facts), "{case:?}");
    }
}

const OWNER: Owner = Owner {
    enabled: true,
    bound: true,
    two_factor: true,
    duty: Duty::None,
    administers: false,
    awaits_code: false,
};

#[test]
fn nothing_is_allowed_when_it_is_over() {
    for stage in [Stage::Factor, Stage::SetUp, Stage::Trusted, Stage::Full] {
        for act in [Act::Prove, Act::SetUp, Act::Look, Act::Change, Act::Oversee, Act::Administer] {
            assert_eq!(session(stage).allows(act, &OWNER, NOW.plus(IDLE)), Err(Denied::Over));
        }
    }
}

#[test]
fn a_proof_is_fresh_for_so_long() {
    let with = |at| Session { proof: Some((Means::Factor(1), at)), ..session(Stage::Full) };
    let change = |at, now| with(at).allows(Act::Change, &OWNER, now);
    assert_eq!(change(NOW, before(NOW.plus(FRESH))), Ok(()));
    assert_eq!(change(NOW, NOW.plus(FRESH)), Err(Denied::Stale));
    assert_eq!(change(NOW.plus(FRESH), NOW), Err(Denied::Stale), "the clock was set back");
}

#[test]
fn sessions_that_wait_for_a_factor_crowd_out_their_like_and_nobody_else() {
    let of = |stage, ids: std::ops::Range<i64>| {
        ids.map(move |id| Session { id, ..session(stage) }).collect::<Vec<_>>()
    };
    let (most, room) = (SESSIONS_MAX as i64, PENDING_MAX as i64);
    let full = [of(Stage::Full, 0..most - 1), of(Stage::Trusted, most - 1..most)].concat();
    let both = [full.clone(), of(Stage::Factor, 100..100 + room)].concat();
    assert_eq!(crowded_out(&both, Stage::Factor, NOW), [100 + room - 1], "the last of its like");
    for stage in [Stage::Full, Stage::Trusted, Stage::SetUp] {
        assert_eq!(crowded_out(&both, stage, NOW), [most - 1], "{stage:?}");
    }
    assert_eq!(crowded_out(&both[1..both.len() - 1], Stage::Full, NOW), [] as [i64; 0]);
    assert_eq!(crowded_out(&both[1..both.len() - 1], Stage::Factor, NOW), [] as [i64; 0]);
    let over = Session {
        id: 7,
        seen: Timestamp(NOW.0 - 1_800),
        created: Timestamp(NOW.0 - 1_800),
        ..session(Stage::Full)
    };
    assert_eq!(crowded_out(&[over], Stage::Factor, NOW), [7], "what is over takes no room");
}
