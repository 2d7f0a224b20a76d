#!/bin/bash
# Builds model-train and transfer-eval with CUDA into .cuda/bin, on a machine that needs neither GPU nor driver nor root, and
# beside them what a study and tests/gpu.sh need.
#
# The toolkit comes as Python packages, pinned to 13.0: PTX of a newer nvcc is refused by drivers of the 580 series. The
# driver's and cuBLAS' libraries are not needed to build; stand-ins that export the names which cudarc declares take their
# place at the link. candle's quantised kernels, which nothing here calls, are compiled to empty objects: half the time.
#
#   CUDA_COMPUTE_CAP   the GPU to build for: 90 (Hopper, the default), 80 (A100), 89 (Ada) …
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/.cuda
export CUDA_HOME=$here/nvidia/cu13 CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-90}
mkdir -p "$here/stubs" "$here/bin"

if [ ! -x "$CUDA_HOME/bin/nvcc" ]; then
    echo "fetching nvcc 13.0 (105 MB) into .cuda" >&2
    python3 -m pip install -q --no-compile --target "$here" 'cuda-toolkit[nvcc,crt,nvvm,cudart,cccl]==13.0.2'
fi
export PATH=$CUDA_HOME/bin:$PATH

cargo fetch --locked --quiet
cudarc=$(cargo metadata --locked --offline --format-version 1 --features model-train/cuda |
    python3 -c 'import json, os, sys; print(next(os.path.dirname(p["manifest_path"]) for p in json.load(sys.stdin)["packages"] if p["name"] == "cudarc"))')
stand_in() { # library, soname, cudarc's folder, prefix of its functions
    { echo 'typedef int stand_in_t;'
      grep -ohE "fn $4[A-Za-z0-9_]+" "$cudarc/src/$3/sys/mod.rs" | sort -u | sed 's/^fn \(.*\)/stand_in_t \1(void) { return 999; }/'
    } > "$here/stubs/$1.c"
    gcc -shared -fPIC -w -fno-builtin "-Wl,-soname,$2" -o "$here/stubs/lib$1.so" "$here/stubs/$1.c"
}
stand_in cuda libcuda.so.1 driver cu
stand_in nvrtc libnvrtc.so.13 nvrtc nvrtc
stand_in cublas libcublas.so.13 cublas cublas
stand_in cublasLt libcublasLt.so.13 cublaslt cublasLt
stand_in curand libcurand.so.10 curand curand
# candle asks for libcudart.so; the toolkit's static one leaves one library fewer to find at run time.
ln -sf "$(find "$CUDA_HOME/" -name libcudart_static.a | head -1)" "$here/stubs/libcudart.a"
printf 'INPUT(%s -lrt -ldl -lpthread)\n' "$here/stubs/libcudart.a" > "$here/stubs/libcudart.so"
export LIBRARY_PATH=$here/stubs${LIBRARY_PATH:+:$LIBRARY_PATH}

cat > "$here/nvcc" <<WRAPPER
#!/bin/bash
for argument in "\$@"; do
    case \$argument in
        */moe/*.cu | */mmvq_gguf.cu | */mmq_gguf/*.cu | src/moe/*.cu | src/mmvq_gguf.cu | src/mmq_gguf/*.cu)
            empty=$here/empty.cu; : > "\$empty"
            arguments=()
            for other in "\$@"; do [ "\$other" = "\$argument" ] && arguments+=("\$empty") || arguments+=("\$other"); done
            exec "$CUDA_HOME/bin/nvcc" "\${arguments[@]}" ;;
    esac
done
exec "$CUDA_HOME/bin/nvcc" "\$@"
WRAPPER
chmod +x "$here/nvcc"
export NVCC=$here/nvcc

# A target directory of its own: the binaries without CUDA stay where everything else expects them.
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-$here/target}
export CARGO_TARGET_DIR=$target
features=(--features "model-train/cuda transfer-eval/cuda")
"$cargo" build --release --locked "${features[@]}" --bin model-train --bin transfer-eval --bin lang-gen --bin tok-train --bin study \
    --example train_speed
tests=$("$cargo" test --release --locked "${features[@]}" --test gpu --no-run --message-format json |
    python3 -c 'import json, sys; print([m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable") and m["target"]["name"] == "gpu"][-1])')
for binary in model-train transfer-eval; do strip -o "$here/bin/$binary" "$target/release/$binary"; done
strip -o "$here/bin/train-speed" "$target/release/examples/train_speed"
strip -o "$here/bin/gpu-tests" "$tests"
for binary in lang-gen tok-train study; do strip -o "$here/bin/$binary" "$target/release/$binary"; done
ls -lh "$here/bin"
echo "on the machine with the GPU: tests/gpu.sh"
