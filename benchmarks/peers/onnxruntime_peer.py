"""MatMulNBits of onnxruntime with libquant's probes in the same process: onnxruntime_peer.py PROBES.so [SECONDS]

Prints one JSON object a line. A session holds a chain of products with weights of their own; a sample is one run of the
chain between two runs of each probe.
"""
import ctypes
import json
import statistics
import sys
import time

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIZE = 4096
COLD = 512 << 20
ACCURACY_INT8 = 4


def chain(bits, group, nodes, rng):
    """A model of `nodes` products; bytes of the weights and scales of one."""
    blocks = SIZE // group
    initializers, operations, size = [], [], 0
    for i in range(nodes):
        codes = rng.integers(0, 256, (SIZE, blocks, group * bits // 8), dtype=numpy.uint8)
        # Outputs keep the size of the inputs, so that no value runs away along the chain.
        spread = numpy.sqrt(SIZE * (4**bits - 1) / 12)
        scales = numpy.full(SIZE * blocks, 1 / spread, dtype=numpy.float32)
        size = codes.nbytes + scales.nbytes
        initializers += [numpy_helper.from_array(codes, f"w{i}"), numpy_helper.from_array(scales, f"s{i}")]
        operations.append(helper.make_node("MatMulNBits", [f"x{i}", f"w{i}", f"s{i}"], [f"x{i + 1}"],
                                           domain="com.microsoft", K=SIZE, N=SIZE, bits=bits, block_size=group,
                                           accuracy_level=ACCURACY_INT8))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(operations, "chain", [value("x0", TensorProto.FLOAT, ["n", SIZE])],
                              [value(f"x{nodes}", TensorProto.FLOAT, ["n", SIZE])], initializers)
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString(), size


def session(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Workers spin within a run, as they would in a model, but not into the probes.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def measure(run, library, probes, seconds, samples=7):
    """Seconds of each sample, and the rates of both probes around it."""
    taken, rates = [], []
    start = time.perf_counter()
    run()
    while len(taken) < samples or time.perf_counter() - start < seconds:
        amounts, times = [0.0, 0.0], [0.0, 0.0]

        def probe():
            for p, call in enumerate((library.probes_read, library.probes_int8)):
                begin = time.perf_counter()
                amounts[p] += call(probes)
                times[p] += time.perf_counter() - begin

        probe()
        begin = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begin)
        probe()
        rates.append([amount / time_ for amount, time_ in zip(amounts, times)])
    return taken, rates


def main(library_path, seconds):
    library = ctypes.CDLL(library_path)
    library.probes_open.restype = ctypes.c_void_p
    library.probes_open.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong]
    for function in (library.probes_read, library.probes_int8):
        function.restype = ctypes.c_double
        function.argtypes = [ctypes.c_void_p]
    rng = numpy.random.default_rng(1)
    threads = len(__import__("os").sched_getaffinity(0))
    probes = library.probes_open(threads, 512, 32 << 20)
    for bits, group in ((4, 128), (4, 32), (8, 128)):
        packed = SIZE * SIZE * bits // 8
        for nodes, tokens in ((COLD // packed, (1, 2, 4, 8, 16)), (4, (32, 512))):
            model, size = chain(bits, group, nodes, rng)
            runner = session(model, threads)
            del model
            for count in tokens:
                x = rng.standard_normal((count, SIZE), dtype=numpy.float32)
                taken, rates = measure(lambda: runner.run(None, {"x0": x}), library, probes, seconds)
                operations, read = 2.0 * SIZE * SIZE * count * nodes, float(size * nodes)
                median = statistics.median(taken)
                print(json.dumps({
                    "peer": "onnxruntime", "weights": f"w{bits}g{group}", "buffer": "accuracy level 4",
                    "tokens": count, "threads": threads, "bits_per_weight": round(8 * size / SIZE / SIZE, 3),
                    "gflops_best": round(operations / min(taken) * 1e-9, 1),
                    "gflops_median": round(operations / median * 1e-9, 1),
                    "gbps_median": round(read / median * 1e-9, 2),
                    "read_fraction": round(statistics.median(read / t / r[0] for t, r in zip(taken, rates)), 3),
                    "int8_fraction": round(statistics.median(operations / t / r[1] for t, r in zip(taken, rates)), 3),
                    "samples": len(taken)}), flush=True)
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.5)
