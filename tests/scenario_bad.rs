//! Wrong scenario files: each file of `tests/scenarios/bad` with all that is said about it, beside it as a snapshot.

use std::fs;
use std::path::Path;

use fairdrain::scenario::{LoadError, Scenario};

#[test]
fn each_bad_file_is_refused_with_what_to_write_instead() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/bad");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder of bad files")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 30, "only {} files", names.len());
    for name in names {
        let text = fs::read_to_string(folder.join(format!("{name}.toml"))).expect("a readable file");
        let said = match Scenario::from_toml(&text, &format!("{name}.toml")) {
            Err(errors) => errors.to_string(),
            Ok(_) => panic!("{name}.toml was accepted"),
        };
        insta::with_settings!({ snapshot_path => &folder, prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, said);
        });
    }
}

#[test]
fn a_missing_file_names_the_bundled_scenario_that_may_have_been_meant() {
    let error = Scenario::load(Path::new("documented_backlog")).expect_err("no such scenario");
    assert!(matches!(&error, LoadError::NotFound { near: Some(near), .. } if near == "documented-backlog"), "{error}");
    assert!(error.to_string().contains("did you mean `documented-backlog`?"), "{error}");
    let error = Scenario::load(Path::new("nowhere/at/all.toml")).expect_err("no such file");
    assert!(matches!(error, LoadError::NotFound { near: None, .. }), "{error}");
}

#[test]
fn a_directory_is_no_scenario() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Scenario::load(folder.path()).expect_err("a directory");
    assert!(matches!(error, LoadError::Directory(_)), "{error}");
}

#[test]
fn a_file_that_is_not_utf8_is_refused_with_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("latin1.toml");
    fs::write(&path, b"schema_version = 1\ndescription = \"Stra\xdfe\"\n").expect("written");
    let error = Scenario::load(&path).expect_err("not UTF-8");
    assert!(matches!(error, LoadError::NotUtf8 { line: 2, offset: 38, .. }), "{error}");
}

#[test]
fn an_over_large_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.toml");
    fs::write(&path, vec![b'#'; (1 << 20) + 1]).expect("written");
    let error = Scenario::load(&path).expect_err("too large");
    assert!(matches!(error, LoadError::TooLarge { .. }), "{error}");
}

#[test]
fn a_password_is_not_echoed() {
    for text in [
        "[consumer]\nsasl.password = \"hunter2\" x\n",
        "[consumer]\nsasl.pasword = \"hunter2\"\n[topic]\nsasl_passwort = 'hunter2'\n",
    ] {
        let said = Scenario::from_toml(text, "x.toml").expect_err("wrong").to_string();
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let said =
        Scenario::from_toml("\"a\\u001b[31m\" = 1 # \u{7f}\n\"b\n", "\u{1b}.toml").expect_err("wrong").to_string();
    assert!(!said.contains('\u{1b}') && !said.contains('\u{7f}'), "{said:?}");
}
