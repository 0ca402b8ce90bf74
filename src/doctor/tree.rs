//! What `doveconf -n` prints: settings and blocks, in the order they stand. Dovecot 2.4 writes some settings of one
//! family as a block (`auth_policy { server_url = … }`); they are found under their long name all the same.

/// A block with what stands in it; the outermost has no head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// What stands before its brace, such as `unix_listener login/login`.
    pub head: String,
    /// `name = value`.
    pub settings: Vec<(String, String)>,
    /// Blocks in it.
    pub blocks: Vec<Block>,
}

impl Block {
    /// Reads what `doveconf -n` printed. What makes no sense is passed over: the program has checked it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut open = vec![Self::default()];
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(head) = line.strip_suffix('{') {
                open.push(Self { head: head.trim().to_owned(), ..Self::default() });
            } else if line == "}" && open.len() > 1 {
                close(&mut open);
            } else if let (Some((name, value)), Some(inner)) = (line.split_once('='), open.last_mut()) {
                inner.settings.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        while open.len() > 1 {
            close(&mut open);
        }
        open.pop().unwrap_or_default()
    }

    /// The value of a setting, here or in a block whose name begins it. The last one counts.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let nested = self.blocks.iter().rev().find_map(|block| {
            let rest = name.strip_prefix(block.head.as_str())?.strip_prefix('_')?;
            block.get(rest)
        });
        let here =
            || self.settings.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        nested.or_else(here)
    }

    /// Whether a setting is on; `default` where it is not written.
    #[must_use]
    pub fn is_on(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |value| matches!(value, "yes" | "y" | "1" | "true"))
    }

    /// The words of a list: `a b`, or with Dovecot 2.4 a block in which each is `yes`.
    #[must_use]
    pub fn words(&self, name: &str) -> Vec<String> {
        let of_block = |block: &Self| {
            let on = block.settings.iter().filter(|(_, value)| value == "yes");
            on.map(|(name, _)| name.clone()).collect()
        };
        match self.blocks.iter().find(|block| block.head == name) {
            Some(block) => of_block(block),
            None => self.get(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The blocks of this kind, each with its name: `passdb lua` is of the kind `passdb` and called `lua`.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Self)> {
        self.blocks.iter().filter_map(move |block| {
            let rest = block.head.strip_prefix(kind)?;
            (rest.is_empty() || rest.starts_with(' ')).then(|| (rest.trim(), block))
        })
    }

    /// The block of this kind and name.
    #[must_use]
    pub fn find(&self, kind: &str, name: &str) -> Option<&Self> {
        let is_it = |head: &str| head.strip_prefix(kind).is_some_and(|rest| rest.trim_start() == name);
        self.blocks.iter().find(|block| is_it(&block.head))
    }
}

/// The innermost block is complete.
fn close(open: &mut Vec<Block>) {
    if let (Some(block), Some(outer)) = (open.pop(), open.last_mut()) {
        outer.blocks.push(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_series_are_read() {
        let old = Block::parse(
            "# 2.3\nauth_mechanisms = plain login\nservice auth {\n  unix_listener login/login {\n    mode = 00\n  }\n}\n",
        );
        assert_eq!(old.words("auth_mechanisms"), ["plain", "login"]);
        let listener = old.find("service", "auth").and_then(|auth| auth.find("unix_listener", "login/login"));
        assert_eq!(listener.and_then(|listener| listener.get("mode")), Some("00"));
        let new = Block::parse(
            "auth_policy {\n  server_url = http://x/\n  log_only = no\n}\nauth_mechanisms {\n  plain = yes\n  login = no\n}\n\
             passdb lua {\n  lua_file = /x\n}\n",
        );
        assert_eq!(new.get("auth_policy_server_url"), Some("http://x/"));
        assert!(!new.is_on("auth_policy_log_only", true) && new.is_on("absent", true));
        assert_eq!(new.words("auth_mechanisms"), ["plain"]);
        assert_eq!(new.of_kind("passdb").next().map(|(name, _)| name), Some("lua"));
        assert_eq!(new.of_kind("pass").count(), 0);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a-z{}=# \n]{0,80}") {
            let block = Block::parse(&text);
            let _ = (block.get("a_b"), block.words("a"), block.of_kind("a").count());
        }
    }
}
