//! Runs ONNX programs with rten. Reads jobs from a file, one a line, `MODEL<tab>REFERENCE<tab>PROGRAM<tab>OUT`: the
//! program's inputs are the tensors `PROGRAM/in/NAME` of the safetensors file REFERENCE, its outputs go to the
//! safetensors file OUT under their names. Prints `start N` before each job, and `ok N` or `failed N MESSAGE` after it.
//!
//! usage: rten-run version
//!        rten-run JOBS [FIRST]

use std::collections::HashMap;
use std::error::Error;
use std::fs;

use rten::{Model, Value, ValueOrView};
use rten_tensor::prelude::*;
use safetensors::tensor::{serialize, Dtype, SafeTensors, TensorView};

/// As in Cargo.toml.
const RTEN_VERSION: &str = "0.27.0";

type Failure = Box<dyn Error>;

fn words<const N: usize>(data: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    data.chunks_exact(N).map(|word| word.try_into().unwrap())
}

/// A tensor as rten takes it: booleans are int32 there.
fn to_value(tensor: &TensorView) -> Result<Value, Failure> {
    let (shape, data) = (tensor.shape(), tensor.data());
    Ok(match tensor.dtype() {
        Dtype::F32 => Value::from_shape(shape, words(data).map(f32::from_le_bytes).collect::<Vec<f32>>())?,
        Dtype::I32 => Value::from_shape(shape, words(data).map(i32::from_le_bytes).collect::<Vec<i32>>())?,
        Dtype::BOOL => Value::from_shape(shape, data.iter().map(|&x| x as i32).collect::<Vec<i32>>())?,
        other => return Err(format!("an input of type {other:?}").into()),
    })
}

fn run(model: &str, reference: &str, program: &str, out: &str) -> Result<(), Failure> {
    let file = fs::read(reference)?;
    let tensors = SafeTensors::deserialize(&file)?;
    let model = Model::load_file(model)?;
    let mut inputs: Vec<(_, ValueOrView)> = Vec::new();
    for &id in model.input_ids() {
        let info = model.node_info(id).ok_or("an input without a description")?;
        let name = info.name().ok_or("an input without a name")?;
        let tensor = tensors.tensor(&format!("{program}/in/{name}"))?;
        inputs.push((id, to_value(&tensor)?.into()));
    }
    let outputs = model.run(inputs, model.output_ids(), None)?;
    let mut kept: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (&id, value) in model.output_ids().iter().zip(outputs) {
        let info = model.node_info(id).ok_or("an output without a description")?;
        let name = info.name().ok_or("an output without a name")?.to_string();
        kept.push(match value {
            Value::FloatTensor(x) => {
                (name, Dtype::F32, x.shape().to_vec(), x.iter().flat_map(|x| x.to_le_bytes()).collect())
            }
            Value::Int32Tensor(x) => {
                (name, Dtype::I32, x.shape().to_vec(), x.iter().flat_map(|x| x.to_le_bytes()).collect())
            }
            _ => return Err(format!("output {name} is neither float32 nor int32").into()),
        });
    }
    let mut views = HashMap::new();
    for (name, dtype, shape, data) in &kept {
        views.insert(name.clone(), TensorView::new(*dtype, shape.clone(), data)?);
    }
    fs::write(out, serialize(&views, None)?)?;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|word| word == "version") {
        println!("{RTEN_VERSION}");
        return Ok(());
    }
    let jobs = fs::read_to_string(arguments.get(1).ok_or("usage: rten-run JOBS [FIRST]")?)?;
    let first: usize = arguments.get(2).map_or(Ok(0), |text| text.parse())?;
    for (index, line) in jobs.lines().enumerate().skip(first) {
        let parts: Vec<&str> = line.split('\t').collect();
        let [model, reference, program, out] = parts[..] else {
            return Err(format!("job {index}: expected 4 fields, found {}", parts.len()).into());
        };
        println!("start {index}");
        match run(model, reference, program, out) {
            Ok(()) => println!("ok {index}"),
            Err(error) => println!("failed {index} {}", error.to_string().replace('\n', " ")),
        }
    }
    Ok(())
}
