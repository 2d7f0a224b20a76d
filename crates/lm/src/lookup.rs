//! Rows of embeddings by token, with a gradient that suits GPUs.
//!
//! candle's own gradient of `index_select` adds the rows one after another, on as many threads as a row is wide: with
//! thousands of tokens and a width of 128 a GPU waits for it longest of all. The same sum is a product with the matrix of
//! [token = row], which a GPU has in no time; on a CPU adding rows is the faster way.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp2, DType, Device, Layout, MetalStorage, Result, Shape, Tensor,
};

/// Rows of each model's embedding: embeddings f32 [r, v, d], ids u32 [r, n] below v → [r, n, d].
pub(crate) fn lookup(embeddings: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let (r, v, d) = embeddings.dims3()?;
    let (_, n) = ids.dims2()?;
    let starts: Vec<u32> = (0..r).map(|model| (model * v) as u32).collect();
    let starts = Tensor::from_vec(starts, (r, 1), ids.device())?;
    let places = ids.broadcast_add(&starts)?.flatten_all()?;
    let way = match ids.device() {
        Device::Cpu => Way::AddRows,
        _ => Way::Multiply,
    };
    let op = Lookup {
        ids: ids.clone(),
        way,
    };
    let rows = embeddings.reshape((r * v, d))?.apply_op2(&places, op)?;
    rows.reshape((r, n, d))
}

/// How the gradient is summed.
#[derive(Clone, Copy)]
enum Way {
    AddRows,
    Multiply,
}

struct Lookup {
    /// [r, n]
    ids: Tensor,
    way: Way,
}

impl CustomOp2 for Lookup {
    fn name(&self) -> &'static str {
        "embedding-lookup"
    }

    fn cpu_fwd(
        &self,
        rows: &CpuStorage,
        rows_layout: &Layout,
        places: &CpuStorage,
        places_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        select(rows, rows_layout, places, places_layout)
    }

    fn cuda_fwd(
        &self,
        rows: &CudaStorage,
        rows_layout: &Layout,
        places: &CudaStorage,
        places_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        select(rows, rows_layout, places, places_layout)
    }

    fn metal_fwd(
        &self,
        rows: &MetalStorage,
        rows_layout: &Layout,
        places: &MetalStorage,
        places_layout: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        select(rows, rows_layout, places, places_layout)
    }

    /// rows [r·v, d], places [r·n], gradient [r·n, d] → the gradient of rows.
    fn bwd(
        &self,
        rows: &Tensor,
        places: &Tensor,
        _found: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let sum = match self.way {
            Way::AddRows => rows.zeros_like()?.index_add(places, gradient, 0)?,
            Way::Multiply => {
                let (r, n) = self.ids.dims2()?;
                let (all, d) = rows.dims2()?;
                let tokens = Tensor::arange(0, (all / r) as u32, rows.device())?;
                let is_token = self
                    .ids
                    .unsqueeze(1)?
                    .broadcast_eq(&tokens.reshape((1, all / r, 1))?)?
                    .to_dtype(DType::F32)?; // [r, v, n]
                let gradient = gradient.reshape((r, n, d))?;
                is_token.matmul(&gradient)?.reshape((all, d))?
            }
        };
        Ok((Some(sum), None))
    }
}

fn select<S: BackendStorage>(
    rows: &S,
    rows_layout: &Layout,
    places: &S,
    places_layout: &Layout,
) -> Result<(S, Shape)> {
    let shape = Shape::from((places_layout.dims()[0], rows_layout.dims()[1]));
    let found = rows.index_select(places, rows_layout, places_layout, 0)?;
    Ok((found, shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;

    /// Two models of three tokens, width 1. Model 0 has 10, 11, 12 and looks up 2, 0, 2; model 1 has 20, 21, 22 and looks
    /// up 1, 1, 0. With gradients 1 to 6 the sums are 2, 0, 1 + 3 and 6, 4 + 5, 0.
    #[test]
    fn rows_are_found_and_both_ways_sum_their_gradients() -> Result<()> {
        let cpu = &Device::Cpu;
        let values = [10f32, 11.0, 12.0, 20.0, 21.0, 22.0];
        let embeddings = Var::from_slice(&values, (2, 3, 1), cpu)?;
        let ids = Tensor::new(&[[2u32, 0, 2], [1, 1, 0]], cpu)?;
        let found = lookup(embeddings.as_tensor(), &ids)?;
        assert_eq!(
            found.flatten_all()?.to_vec1::<f32>()?,
            [12.0, 10.0, 12.0, 21.0, 21.0, 20.0]
        );
        let weights = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0], (2, 3, 1), cpu)?;
        let expected = [2.0, 0.0, 4.0, 6.0, 9.0, 0.0];
        let gradients = (found * &weights)?.sum_all()?.backward()?;
        let gradient = gradients.get(&embeddings).map(Tensor::flatten_all);
        assert_eq!(
            gradient
                .transpose()?
                .map(|g| g.to_vec1::<f32>())
                .transpose()?,
            Some(expected.to_vec())
        );
        let rows = Tensor::from_slice(&values, (6, 1), cpu)?;
        let places = Tensor::new(&[2u32, 0, 2, 4, 4, 3], cpu)?;
        for way in [Way::AddRows, Way::Multiply] {
            let op = Lookup {
                ids: ids.clone(),
                way,
            };
            let (sum, _) = op.bwd(&rows, &places, &rows, &weights.reshape((6, 1))?)?;
            let sum = sum.map(|sum| sum.flatten_all()?.to_vec1::<f32>());
            assert_eq!(sum.transpose()?, Some(expected.to_vec()));
        }
        Ok(())
    }
}
