//! One route for each kind of body, with a client's values in every place that it has.

use harness::Rules;

/// What all routes begin with; `{peer}` is where they send.
const BASE: &str = "
params:
  a: { max-bytes: 4096 }
  b: { max-bytes: 4096 }
targets:
  api: { url: '{peer}' }
";

/// The file as the body, values in path, query and headers.
const RAW: &str = "
  - id: store
    request: PUT /v1/${ params.a }/x-${ file.name }/${ params.b }.bin?t=${ params.b }
    target: api
    query: { q: '${ params.a }' }
    headers: { X-B: '${ params.b }', Content-Disposition: 'attachment; filename*=${ file.name | rfc5987 }' }
    body: file
";

/// A form whose names and values come from the client.
const FORM: &str = "
  - id: store
    request: POST /v1/files
    target: api
    form:
      - { field: 'm[${ params.a }]', value: '${ params.b }' }
      - { field: name, value: '${ file.name }' }
      - { file: file }
";

/// A form whose file part is named by a parameter.
const NAMED: &str = "
  - id: store
    request: POST /v1/files
    target: api
    form:
      - { file: '${ params.a }', filename: '${ params.b }.bin', type: text/plain }
      - { field: after, value: '${ params.b }' }
";

/// Base64 inside JSON.
const JSON: &str = "
  - id: store
    request: POST /v1/files
    target: api
    json:
      name: ${ file.name }
      data: 'data:${ file.type };base64,${ file.base64 }'
      list: ['${ params.a }', 'x ${ params.b } y']
      more: { b: '${ params.b }' }
";

/// Bodies beside the file: URL-encoded pairs, XML and JSON as text.
const BESIDE: &str = "
  - id: pairs
    request: POST /v1/pairs
    target: api
    urlencoded: { a: '${ params.a }', b: '${ params.b }', name: '${ file.name }', type: '${ file.type }' }
  - id: document
    request: POST /v1/xml
    target: api
    headers: { Content-Type: application/xml }
    text: '<n a=\"${ params.a | xml }\">${ file.name | xml }<b>${ params.b | xml }</b></n>'
  - id: variables
    request: POST /v1/query
    target: api
    headers: { Content-Type: application/json }
    text: '{\"query\": \"q\", \"variables\": {\"a\": ${ params.a | json }, \"b\": ${ params.b | json }}}'
  - id: store
    request: PUT /v1/files
    target: api
    body: file
";

/// A form whose fields an answer gave, as a POST policy's are.
const LEARNED: &str = "
  - id: grant
    request: POST /v1/grants
    target: api
    json: { a: '${ params.a }' }
  - id: store
    request: POST /v1/files
    target: api
    form:
      - fields: ${ grant.json.fields }
      - { field: b, value: '${ params.b }' }
      - { file: file }
";

/// All of them, under `/raw`, `/form`, `/named`, `/json`, `/beside` and `/learned`.
pub(crate) fn all(peer: &str) -> Rules {
    let routes =
        [("raw", RAW), ("form", FORM), ("named", NAMED), ("json", JSON), ("beside", BESIDE), ("learned", LEARNED)];
    routes.into_iter().fold(Rules::default(), |rules, (name, steps)| {
        rules.route(&format!("route: {name}\npath: /{name}{}steps:{steps}", BASE.replace("{peer}", peer)))
    })
}

/// A route whose request is signed, values in its path and query.
pub(crate) fn signed(peer: &str, service: &str) -> Rules {
    let rule = "
route: signed
path: /signed
params:
  a: { max-bytes: 4096 }
  b: { max-bytes: 4096 }
targets:
  api:
    url: '{peer}'
    auth:
      sigv4:
        service: {service}
        region: eu-west-1
        credentials: { access-key-id: { env: KEY }, secret-access-key: { env: SECRET } }
steps:
  - { id: store, request: 'PUT /v1/${ params.a }/x?t=${ params.b }', target: api, body: file }
";
    Rules::default().route(&rule.replace("{peer}", peer).replace("{service}", service))
}
