//! How a transform is driven, as the gateway does it.

use bytes::Bytes;
use wire::transform::Transform;

/// Pushes every chunk and pulls all output, so that no more than one chunk and its image is in memory; tells how many bytes
/// came out.
///
/// # Errors
/// As the transform says.
pub fn drive<T: Transform>(transform: &mut T, chunks: &[Bytes], release: impl FnOnce(&mut T)) -> Result<u64, T::Error> {
    let mut out = 0_u64;
    for chunk in chunks {
        transform.push(chunk.clone())?;
        out = out.saturating_add(pulled(transform));
    }
    transform.finish()?;
    release(transform);
    Ok(out.saturating_add(pulled(transform)))
}

fn pulled(transform: &mut impl Transform) -> u64 {
    std::iter::from_fn(|| transform.pull()).map(|bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX)).sum()
}
