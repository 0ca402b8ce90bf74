//! The portal's pages, with a real daemon behind them and browsers before them that do what the test says.

mod administering;
mod asking;
mod browser;
mod confirming;
mod delegating;
mod entering;
mod forged;
mod forms;
mod history;
mod hostile;
mod lifting;
mod looking;
mod passwords;
mod permitted;
mod program;
mod providers;
mod repeating;
mod site;
mod steps;
mod trusting;

/// The main password of everybody.
const MAIN: &str = "Mqp3rTu8vWx5yZaB";
const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";
/// Where browsers are.
const HOME: &str = "192.0.2.7";
