//! The page for people: what is configured and what is in flight, without script and without any other resource.

use std::fmt::Write as _;

use crate::app::App;
use crate::uploads::UploadStatus;

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tidegate</title>\
<meta name=\"viewport\" content=\"width=device-width\"><style>\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#123}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #cdd}\
td.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.9em}\
@media(prefers-color-scheme:dark){body{background:#0d1820;color:#dee}a{color:#7cf}th,td{border-color:#345}}\
</style></head><body>";

/// Renders the page.
pub(super) fn render(app: &App) -> String {
    let mut html = String::from(HEAD);
    let state = if app.draining.is_cancelled() { "draining" } else { "ready" };
    put(&mut html, format_args!("<h1>Tidegate</h1><p>This gateway is <strong>{state}</strong>. "));
    put(&mut html, format_args!("{} of {} buffer bytes are in use.</p>", app.budget.used(), app.budget.limit()));
    routes(&mut html, app);
    uploads(&mut html, &app.uploads.statuses());
    html.push_str(
        "<p><a href=\"/metrics\">metrics</a> · <a href=\"/routes\">routes</a> · <a href=\"/uploads\">uploads</a> · ",
    );
    html.push_str("<a href=\"/healthz\">healthz</a> · <a href=\"/readyz\">readyz</a></p></body></html>\n");
    html
}

fn routes(html: &mut String, app: &App) {
    html.push_str("<h2>Routes</h2><table><tr><th>name<th>path<th>description</tr>");
    for route in &app.config.routes {
        let description = route.description.as_deref().unwrap_or_default();
        let (name, path) = (escape(&route.name), escape(&route.path.source));
        put(html, format_args!("<tr><td>{name}<td><code>{path}</code><td>{}</tr>", escape(description)));
    }
    html.push_str("</table>");
}

fn uploads(html: &mut String, statuses: &[UploadStatus]) {
    put(html, format_args!("<h2>Uploads in flight: {}</h2>", statuses.len()));
    if statuses.is_empty() {
        return;
    }
    html.push_str("<table><tr><th>upload<th>route<th>step<th>received<th>of<th>bytes/s<th>slow side</tr>");
    for status in statuses {
        let step = escape(status.step.as_deref().unwrap_or("–"));
        let size = status.size.map_or_else(|| "unknown".to_owned(), |size| size.to_string());
        put(html, format_args!("<tr><td><code>{}</code><td>{}<td>{step}", status.upload_id, escape(&status.route)));
        put(html, format_args!("<td class=n>{}<td class=n>{size}", status.received_bytes));
        let slow = status.slow_side.unwrap_or("–");
        put(html, format_args!("<td class=n>{:.0}<td>{slow}</tr>", status.bytes_per_second));
    }
    html.push_str("</table>");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn put(html: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    let _ = html.write_fmt(content);
}
