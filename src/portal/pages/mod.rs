//! What a person sees: every page as a view model, plain facts in typed fields, with a `render`.
//!
//! No page does I/O or reads a clock. Whatever came from outside is escaped by askama; `|safe` stands only
//! before drawings that [`qr`] and [`chart`] made of numbers. Pages work without a script (but for passkeys) and
//! fit a policy that forbids inline scripts and styles. A page says what is wrong through [`Problem`] beside the
//! field, what was done through [`Said`] at its head, and everything in the texts of `text/*.ftl`.

/// Gives a view model its `render`: the template sees the frame as `f` and the model as `p`.
macro_rules! page {
    ($model:ident, $path:tt) => {
        impl $model {
            /// The whole page.
            #[must_use]
            pub fn render(&self, frame: &$crate::portal::pages::frame::Frame) -> String {
                #[derive(askama::Template)]
                #[template(path = $path, config = "src/portal/pages/askama.toml")]
                struct Html<'a> {
                    f: &'a $crate::portal::pages::frame::Frame,
                    p: &'a $model,
                }
                let html = Html { f: frame, p: self };
                askama::Template::render(&html)
                    .expect("a template fails only where writing into a string does")
            }
        }
    };
}

pub mod admin;
pub mod assets;
pub mod block;
pub mod chart;
pub mod confirm;
pub mod delegations;
pub mod devices;
pub mod error;
pub mod factors;
pub mod frame;
pub mod help;
pub mod history;
pub mod overview;
pub mod passwords;
pub mod problem;
pub mod proof;
pub mod qr;
pub mod reason;
pub mod routes;
pub mod said;
pub mod sign_in;
pub mod spell;
pub mod text;
pub mod times;

#[cfg(test)]
pub(in crate::portal) mod gallery;
#[cfg(test)]
mod tests;

pub use frame::Frame;
pub use problem::Problem;
pub use said::Said;
