//! Evaluation items.
use corpus::tables::ProbeRow;
use world::World;
/// Every row of probes.parquet.
pub fn probes(_world: &World, _corpus_seed: seed::Seed) -> anyhow::Result<Vec<ProbeRow>> {
    Ok(Vec::new())
}
/// BLiMP lines.
pub fn blimp(_rows: &[ProbeRow]) -> impl Iterator<Item = serde_json::Value> {
    std::iter::empty()
}
