//! `tidegate completions` and `tidegate manual`.

use std::process::{Command, Stdio};

use crate::support::{Ended, tidegate};

#[test]
fn every_shell_gets_a_script_that_knows_the_flags() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = Ended::of(tidegate().args(["completions", shell]));
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.stdout.contains("recursive") && ended.stdout.contains("sandbox"), "{shell}");
    }
    assert_eq!(Ended::of(tidegate().args(["completions", "dos"])).code, 2);
}

#[test]
fn bash_reads_its_script() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("tidegate.bash");
    std::fs::write(&script, Ended::of(tidegate().args(["completions", "bash"])).stdout).expect("it can be written");
    let read = Command::new("bash").arg("-n").arg(&script).stdin(Stdio::null()).status().expect("bash starts");
    assert!(read.success());
}

#[test]
fn every_command_has_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("share/man/man1");
    let ended = Ended::of(tidegate().arg("manual").arg("--directory").arg(&pages));
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended:?}");
    for name in ["tidegate", "tidegate-serve", "tidegate-upload", "tidegate-keys-new", "tidegate-manual"] {
        let page = std::fs::read_to_string(pages.join(format!("{name}.1"))).expect("a page");
        assert!(page.contains(".TH ") && page.contains(".SH NAME"), "{page}");
    }
    let first = Ended::of(tidegate().arg("manual"));
    assert_eq!(first.stdout, std::fs::read_to_string(pages.join("tidegate.1")).expect("a page"));
    std::fs::write(folder.path().join("file"), "").expect("it can be written");
    let refused = Ended::of(tidegate().arg("manual").arg("--directory").arg(folder.path().join("file")));
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("cannot make"), "{refused:?}");
}
