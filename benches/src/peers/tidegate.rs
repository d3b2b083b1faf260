//! Tidegate as shipped: commit gate, budget, CRC64, metrics and log on.

use std::path::PathBuf;
use std::process::Command;

use crate::job::JobKind;
use crate::peer::{Peer, Running, Setting, free_address};

/// The log is on, at the level that ships: one line per upload. `json` is what it writes where no terminal is.
const MAIN: &str = "\
listeners: [ { address: \"{listen}\"{tls} } ]
admin: { address: \"{admin}\" }
routes: routes/*.yaml
egress: { allow-private: 127.0.0.0/8 }
{settings}";

/// Places for all slow uploads, and a least rate below theirs: by default 4,096 are taken, of at least 1 KiB/s.
const SLOW: &str = "\
limits: { uploads: 8192 }
timeouts: { min-rate: 64B/s }
";

/// What an operator sets who wants the rest refused when a core is busy: about twice the uploads that keep one so.
const OVERLOAD: &str = "\
limits: { uploads: 64 }
";

/// What a job needs beside the defaults.
fn settings_for(job: JobKind) -> &'static str {
    match job {
        JobKind::Slow2000 | JobKind::Slow5000 => SLOW,
        JobKind::Overload => OVERLOAD,
        _ => "",
    }
}

/// A route that passes the file on as it is, whether it came alone or in a form.
macro_rules! passed_on {
    ($name:literal) => {
        concat!(
            "route: ",
            $name,
            "\npath: /",
            $name,
            "\n\
targets: { sink: { url: \"http://{upstream}\" } }
steps:
  - id: store
    request: PUT /raw/${ file.name }
    target: sink
    headers: { Content-Type: \"${ file.type }\" }
    body: file
    expect: 200
result: { id: \"${ file.name }\" }
"
        )
    };
}

/// A route for each kind of body.
const ROUTES: [(&str, &str); 6] = [
    ("raw", passed_on!("raw")),
    (
        "form",
        "\
route: form
path: /form
targets: { sink: { url: \"http://{upstream}\" } }
steps:
  - id: store
    request: POST /form
    target: sink
    form:
      - { field: name, value: \"${ file.name }\" }
      - file: file
    expect: 201
result: { id: \"${ store.json.id }\" }
",
    ),
    (
        "json",
        "\
route: json
path: /json
targets: { sink: { url: \"http://{upstream}\" } }
steps:
  - id: store
    request: POST /json
    target: sink
    json: { name: \"${ file.name }\", type: \"${ file.type }\", data: \"${ file.base64 }\" }
    expect: 201
result: { id: \"${ store.json.id }\" }
",
    ),
    ("unform", passed_on!("unform")),
    (
        "policy",
        "\
route: policy
path: /policy
targets:
  api: { url: \"http://{upstream}\" }
  storage: { allow: \"http://{upstream}\" }
steps:
  - id: prepare
    request: POST /policy/prepare
    target: api
    json: { name: \"${ file.name }\", type: \"${ file.type }\", size: \"${ file.size }\" }
    expect: 201
    expires: ${ prepare.json.fields.Policy | policy_expiry }
  - id: store
    request: POST ${ prepare.json.url }
    target: storage
    form:
      - fields: ${ prepare.json.fields }
      - file: file
    expect: 204
result: { id: \"${ prepare.json.id }\" }
",
    ),
    (
        "presigned",
        "\
route: presigned
path: /presigned
targets:
  api: { url: \"http://{upstream}\" }
  storage: { allow: \"http://{upstream}\" }
steps:
  - id: start
    request: POST /presigned/start
    target: api
    json: { name: \"${ file.name }\", type: \"${ file.type }\", size: \"${ file.size }\" }
    expect: 201
  - id: store
    request: PUT ${ start.json.url }
    target: storage
    headers: { Content-Type: \"${ file.type }\" }
    body: file
    expect: 200
  - id: complete
    request: POST /presigned/${ start.json.id }/complete
    target: api
    body: none
    expect: 200
result: { id: \"${ start.json.id }\" }
",
    ),
];

/// A program of Tidegate.
#[derive(Debug)]
pub struct Tidegate {
    name: &'static str,
    program: PathBuf,
}

impl Tidegate {
    /// The one to measure.
    #[must_use]
    pub fn released(program: PathBuf) -> Self {
        Self { name: "tidegate", program }
    }

    /// The one to compare it with.
    #[must_use]
    pub fn baseline(program: PathBuf) -> Self {
        Self { name: "tidegate-base", program }
    }
}

impl Peer for Tidegate {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> String {
        let output = Command::new(&self.program).arg("--version").output();
        let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        format!("{}, as shipped", version.unwrap_or_else(|_| "tidegate".to_owned()))
    }

    fn supports(&self, _: JobKind) -> bool {
        true
    }

    fn installed(&self) -> Result<(), String> {
        if self.program.is_file() {
            return Ok(());
        }
        Err(format!("there is no {}; `cargo build --release -p tidegate` builds it", self.program.display()))
    }

    fn start(&self, setting: &Setting) -> anyhow::Result<Running> {
        let (listen, admin) = (free_address()?, free_address()?);
        let folder = setting.dir.join("routes");
        std::fs::create_dir_all(&folder)?;
        for (name, route) in ROUTES {
            let route = route.replace("{upstream}", &setting.upstream.to_string());
            std::fs::write(folder.join(format!("{name}.yaml")), route)?;
        }
        let tls = format!(
            ", tls: {{ cert: {{ file: \"{}\" }}, key: {{ file: \"{}\" }} }}",
            setting.tls.certificate.display(),
            setting.tls.key.display()
        );
        let main = MAIN
            .replace("{listen}", &listen.to_string())
            .replace("{admin}", &admin.to_string())
            .replace("{settings}", settings_for(setting.job))
            .replace("{tls}", if setting.job.tls() { &tls } else { "" });
        let file = setting.dir.join("tidegate.yaml");
        std::fs::write(&file, main)?;
        let mut command = Command::new(&self.program);
        command.env_clear().arg("serve").arg("--config").arg(file);
        let mut running = Running::spawn(setting, command, listen)?;
        running.admin = Some(admin);
        Ok(running)
    }
}
