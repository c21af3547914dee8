//! The command that gives the same result again.

use std::ffi::OsString;

use fairdrain::report::redact;

/// This invocation as a line for a shell, secrets redacted, with the seed if it was not given. `seed` is `None` where the scenarios
/// bring different ones along.
pub(crate) fn command(seed: Option<u64>) -> String {
    from(std::env::args_os().skip(1), seed)
}

fn from(args: impl Iterator<Item = OsString>, seed: Option<u64>) -> String {
    let mut words: Vec<String> =
        std::iter::once("fairdrain".to_owned()).chain(args.map(|a| without_secrets(&a.to_string_lossy()))).collect();
    let given = words.iter().any(|w| w == "--seed" || w.starts_with("--seed="));
    if let Some(seed) = seed
        && !given
    {
        words.extend(["--seed".to_owned(), seed.to_string()]);
    }
    words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(" ")
}

/// A word of the command line, a secret in it redacted: `KEY=VALUE`, or with the flag before it as in `-XKEY=VALUE`, `-X=KEY=VALUE`.
fn without_secrets(word: &str) -> String {
    let flag = match word.strip_prefix('-') {
        Some(flags) if !flags.starts_with('-') => flags.find('X').map_or(0, |at| at + 2),
        _ => 0,
    };
    let flag = flag + usize::from(flag > 0 && word[flag..].starts_with('='));
    format!("{}{}", &word[..flag], redact::assignment(&word[flag..]))
}

fn quoted(word: &str) -> String {
    // An argument can't contain NUL, the only thing that can't be quoted.
    shlex::try_quote(word).map_or_else(|_| "?".to_owned(), |quoted| quoted.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rerun(args: &[&str], seed: Option<u64>) -> String {
        from(args.iter().map(OsString::from), seed)
    }

    #[test]
    fn the_seed_is_added_unless_it_is_there() {
        assert_eq!(rerun(&["demo"], Some(7)), "fairdrain demo --seed 7");
        assert_eq!(rerun(&["demo", "--seed", "8"], Some(8)), "fairdrain demo --seed 8");
        assert_eq!(rerun(&["demo", "--seed=8"], Some(8)), "fairdrain demo '--seed=8'");
        assert_eq!(rerun(&["compare", "a.toml", "b.toml"], None), "fairdrain compare a.toml b.toml");
    }

    #[test]
    fn secrets_are_not_repeated_however_the_flag_is_written() {
        for secret in ["ssl.key.pem=x", "sasl.password=x", "sasl.jaas.config=a=x", " sasl.password =x"] {
            for flag in ["", "-X", "-X=", "-qX", "-qX="] {
                let line = rerun(&["run", &format!("{flag}{secret}")], Some(1));
                assert!(line.contains("[redacted]") && !line.contains("=x"), "{line}");
            }
        }
        assert_eq!(rerun(&["run", "-X=group.id=a", "-o", "-"], None), "fairdrain run '-X=group.id=a' -o -");
    }

    #[test]
    fn words_are_quoted_for_a_shell_and_secrets_are_not_repeated() {
        let args =
            ["run", "my file.toml", "-X", "sasl.password=tell$no'one", "-Xssl.key.password=x", "-X", "group.id=a b"];
        let line = rerun(&args, Some(1));
        assert!(!line.contains("tell") && !line.contains("=x"), "{line}");
        let words = shlex::split(&line).unwrap();
        assert_eq!(
            words[1..],
            [
                "run",
                "my file.toml",
                "-X",
                "sasl.password=[redacted]",
                "-Xssl.key.password=[redacted]",
                "-X",
                "group.id=a b",
                "--seed",
                "1"
            ]
        );
    }
}
