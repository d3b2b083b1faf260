//! Runs one case after another, each in a process of its own under callgrind, so that no case changes another's count.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, anyhow, bail};
use benches::cases::{Case, Work};

/// Matches the mangled name of [`measured_by_callgrind`].
const TOGGLE: &str = "--toggle-collect=*measured_by_callgrind*";

/// glibc chooses its copying by the processor and by the size of its caches, and one of the ways, `rep movsb`, counts one
/// instruction for each byte. These make the choice the same everywhere.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=0x40000000:glibc.cpu.x86_rep_stosb_threshold=0x40000000:\
                        glibc.cpu.x86_non_temporal_threshold=0x40000000";

/// Valgrind, and this program under it.
pub(crate) struct Callgrind {
    program: PathBuf,
    folder: PathBuf,
}

/// Does the work of a case: once to fill what is filled at the first use, and once to be counted.
pub(crate) fn run(case: &Case) {
    let mut work = case.prepare();
    work();
    measured_by_callgrind(&mut work);
}

/// Callgrind collects from the entry of this function to its end.
#[inline(never)]
fn measured_by_callgrind(work: &mut Work) {
    work();
    // Something after the work keeps it from being a tail call, which would end the collection too early.
    std::hint::black_box(work);
}

/// What libraries that look for the processor's features find.
pub(crate) fn processor() -> String {
    let mut found = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    {
        let features = [
            ("sse4.2", is_x86_feature_detected!("sse4.2")),
            ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
            ("avx", is_x86_feature_detected!("avx")),
            ("avx2", is_x86_feature_detected!("avx2")),
            ("bmi2", is_x86_feature_detected!("bmi2")),
            ("sha", is_x86_feature_detected!("sha")),
            ("vpclmulqdq", is_x86_feature_detected!("vpclmulqdq")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
        ];
        found.extend(features.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name));
    }
    found.join(" ")
}

impl Callgrind {
    pub(crate) fn find() -> anyhow::Result<Self> {
        let version = Command::new("valgrind").arg("--version").output();
        version.context("cannot run `valgrind`; on Debian: apt-get install valgrind")?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { program: std::env::current_exe()?, folder })
    }

    /// As [`processor`], under valgrind.
    pub(crate) fn processor(&self) -> anyhow::Result<String> {
        let output = self.valgrind(&["--tool=none"], &["processor"])?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The counts of all cases, in their order; as many at once as there are processors.
    pub(crate) fn count_all(&self, cases: &[Case]) -> anyhow::Result<Vec<(String, u64)>> {
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut counted = Vec::new();
            while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                counted.push((*name, self.count(name)?));
            }
            anyhow::Ok(counted)
        };
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let counted = thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?).collect()
        });
        let counted: Vec<_> = anyhow::Result::<Vec<Vec<_>>>::from(counted)?.concat();
        let count_of = |name: &&str| counted.iter().find(|(counted, _)| counted == name);
        Ok(names.iter().filter_map(count_of).map(|(name, count)| ((*name).to_owned(), *count)).collect())
    }

    /// The profile of one case, in a file.
    pub(crate) fn profile(&self, case: &Case) -> anyhow::Result<PathBuf> {
        let file = self.folder.join(format!("callgrind.{}", case.name.replace('/', ".")));
        let to_file = format!("--callgrind-out-file={}", file.display());
        self.valgrind(&["--tool=callgrind", TOGGLE, "--dump-instr=yes", &to_file], &["run", &case.name])?;
        Ok(file)
    }

    fn count(&self, name: &str) -> anyhow::Result<u64> {
        let file = self.folder.join(format!("count.{}", name.replace('/', ".")));
        let to_file = format!("--callgrind-out-file={}", file.display());
        self.valgrind(&["--tool=callgrind", TOGGLE, &to_file], &["run", name])?;
        let profile = std::fs::read_to_string(&file).with_context(|| format!("no profile of `{name}`"))?;
        std::fs::remove_file(&file)?;
        let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
        let count = total.and_then(|total| total.trim().parse().ok()).unwrap_or(0);
        if count == 0 {
            bail!(
                "callgrind counted nothing in `{name}`: the symbols of this program are needed, so it cannot be stripped"
            );
        }
        Ok(count)
    }

    fn valgrind(&self, options: &[&str], args: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new("valgrind");
        // The environment lies on the stack: its length would move whatever is aligned.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("GLIBC_TUNABLES", TUNABLES);
        let output = command.arg("--quiet").args(options).arg(&self.program).args(args).output()?;
        if !output.status.success() {
            bail!("{args:?} failed under valgrind: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(output)
    }
}
