//! What the documentation shows is what the program prints.
//!
//! Every fenced `console` block of README.md and docs/*.md is run, page by page, in an empty folder. In it, a line `$ fairdrain ...`
//! is a command; the lines below it are its standard output (its standard error, if it prints no data), where a line `...` stands
//! for any lines, and `...` at a line's end for the rest of it; and a last line `? N` is its exit code, 0 without it. A `toml` block whose first line is `# NAME.toml` is written
//! to the folder first, under that name.

#![cfg(feature = "cli")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A fenced block.
struct Block {
    language: String,
    /// Of its first line, from 1.
    line: usize,
    lines: Vec<String>,
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).expect("there is a folder docs").flatten().map(|entry| entry.path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

fn blocks(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (i, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block { language: language.trim().to_owned(), line: i + 2, lines: Vec::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.lines.push(line.trim_end().to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{}: a block has no end", page.display());
    blocks
}

/// Whether lines are as shown, where `...` stands for any number of them.
fn fits(shown: &[String], printed: &[String]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((first, shown)), _) if first == "..." => (0..=printed.len()).any(|i| fits(shown, &printed[i..])),
        (Some((first, shown)), Some((line, printed))) => {
            let same = first.strip_suffix("...").map_or(first == line, |begin| line.starts_with(begin));
            same && fits(shown, printed)
        }
        (Some(_), None) => false,
    }
}

/// Runs the commands of a block and returns what is not as shown.
fn differences(block: &Block, folder: &Path) -> String {
    let mut differences = String::new();
    let mut lines = block.lines.iter().peekable();
    while let Some(line) = lines.next() {
        let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("line {}: `{line}` is no command", block.line));
        let words = shlex::split(command).expect("a command that a shell understands");
        assert_eq!(words[0], "fairdrain", "line {}: only fairdrain is run", block.line);
        let mut shown = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            shown.push(line.clone());
        }
        let last = shown.pop_if(|line| line.starts_with("? "));
        let code = last.map_or(0, |line| line[2..].parse().expect("an exit code"));
        let program = Command::new(env!("CARGO_BIN_EXE_fairdrain"))
            .args(&words[1..])
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .expect("the program runs");
        let text = if program.stdout.is_empty() { &program.stderr } else { &program.stdout };
        let text = String::from_utf8_lossy(text);
        let printed: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
        if !fits(&shown, &printed) || program.status.code() != Some(code) {
            let ended = program.status.code();
            let _ = writeln!(differences, "line {}: `{command}` ended with {ended:?} and printed\n{text}", block.line);
        }
    }
    differences
}

/// The recordings that pages replay, at the place where they are in a checkout.
fn copy_recordings(folder: &Path) {
    for scenario in ["documented-500", "documented-500-1k"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(scenario);
        let to = folder.join("tests/traces").join(scenario);
        fs::create_dir_all(&to).expect("the folder can be written to");
        for file in fs::read_dir(&from).expect("the recordings are there").flatten() {
            fs::copy(file.path(), to.join(file.file_name())).expect("the folder can be written to");
        }
    }
}

#[test]
fn what_the_pages_show_is_what_the_program_prints() {
    let mut commands = 0;
    let mut differing = String::new();
    for page in pages() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let blocks = blocks(&page);
        if fs::read_to_string(&page).expect("it was just read").contains("tests/traces") {
            copy_recordings(folder.path());
        }
        for block in blocks.iter().filter(|block| block.language == "toml") {
            if let Some(name) = block.lines[0].strip_prefix("# ").filter(|name| name.ends_with(".toml")) {
                fs::write(folder.path().join(name), block.lines.join("\n") + "\n")
                    .expect("the folder can be written to");
            }
        }
        for block in blocks.iter().filter(|block| block.language == "console") {
            commands += block.lines.iter().filter(|line| line.starts_with("$ ")).count();
            let differences = differences(block, folder.path());
            if !differences.is_empty() {
                let _ = writeln!(differing, "{}: {differences}", page.display());
            }
        }
    }
    println!("{commands} commands");
    assert!(differing.is_empty(), "these pages show something else:\n{differing}");
}

#[test]
fn the_readme_shows_the_demo_and_how_to_test() {
    let readme = blocks(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let demo = |b: &Block| b.language == "console" && b.lines[0] == "$ fairdrain demo";
    assert!(readme.iter().any(demo), "README.md shows no demo");
    assert!(readme.iter().any(|b| b.lines == ["cargo test --workspace"]), "README.md does not say how to test");
}

#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let others = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|name| root.join(name));
    for page in pages().into_iter().chain(others) {
        let text = fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or(target);
            if path.is_empty() || target.contains("://") {
                continue;
            }
            let there = page.parent().expect("a page lies in a folder").join(path);
            assert!(there.exists(), "{}: nothing at {target}", page.display());
        }
    }
}
