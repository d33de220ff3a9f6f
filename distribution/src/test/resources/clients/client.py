"""A client in Python, as people write them: messages that protoc has made, calls by grpc's own channel. Arguments: the port, and the directory
of inference_service_pb2.py. Says which steps went well; an exception ends it."""
import mmap
import os
import queue
import struct
import sys

import grpc

sys.path.insert(0, sys.argv[2])
import inference_service_pb2 as service

LIMIT = 60
channel = grpc.insecure_channel("127.0.0.1:" + sys.argv[1], options=[
    ("grpc.max_send_message_length", 2 ** 31 - 1), ("grpc.max_receive_message_length", 2 ** 31 - 1), ("grpc.enable_http_proxy", 0)])


def path(method):
    return "/inference.GRPCInferenceService/" + method


def call(method, compression=None, **fields):
    request = getattr(service, method + "Request")
    answer = getattr(service, method + "Response")
    unary = channel.unary_unary(path(method), request.SerializeToString, answer.FromString)
    return unary(request(**fields), timeout=LIMIT, compression=compression)


def status(method, **fields):
    try:
        call(method, **fields)
    except grpc.RpcError as e:
        return e.code(), e.details()
    return grpc.StatusCode.OK, ""


def tensor(name, datatype, shape, **parameters):
    return service.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape, parameters=parameters)


def output(name, **parameters):
    return service.ModelInferRequest.InferRequestedOutputTensor(name=name, parameters=parameters)


def floats(raw):
    return list(struct.unpack("<%df" % (len(raw) // 4), raw))


def done(step):
    print("ok " + step, flush=True)


assert call("ServerLive").live and call("ServerReady").ready
assert "statistics" in call("ServerMetadata").extensions
assert not call("ModelReady", name="echo").ready
done("health")

call("RepositoryModelLoad", model_name="echo")
call("RepositoryModelLoad", model_name="square")
assert call("ModelReady", name="echo").ready
assert {m.name: m.state for m in call("RepositoryIndex").models} == {"echo": "READY", "square": "READY"}
metadata = call("ModelMetadata", name="echo")
assert [i.name for i in metadata.inputs] == ["INPUT0"] and list(metadata.inputs[0].shape) == [-1, -1]
assert call("ModelConfig", name="echo").config.max_batch_size == 4
done("load")

values = [1.5, -2.0, 3.25, 0.0]
answer = call("ModelInfer", model_name="echo", id="raw", inputs=[tensor("INPUT0", "FP32", [1, 4])], raw_input_contents=[struct.pack("<4f", *values)])
assert answer.id == "raw" and floats(answer.raw_output_contents[0]) == values and list(answer.outputs[0].shape) == [1, 4]
typed = tensor("INPUT0", "FP32", [2, 2])
typed.contents.fp32_contents.extend(values)
assert floats(call("ModelInfer", model_name="echo", inputs=[typed]).raw_output_contents[0]) == values
large = struct.pack("<f", 0.5) * (3 << 20)
for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate):
    answer = call("ModelInfer", compression=compression, model_name="echo", inputs=[tensor("INPUT0", "FP32", [1, 3 << 20])], raw_input_contents=[large])
    assert answer.raw_output_contents[0] == large
done("infer")

code, text = status("ModelInfer", model_name="no_such")
assert code == grpc.StatusCode.NOT_FOUND and "no_such" in text, (code, text)
code, text = status("ModelInfer", model_name="echo", inputs=[tensor("INPUT0", "INT32", [1, 1])], raw_input_contents=[b"1234"])
assert code == grpc.StatusCode.INVALID_ARGUMENT and "INT32" in text, (code, text)
done("errors")

requests = queue.Queue()
answers = channel.stream_stream(path("ModelStreamInfer"), service.ModelInferRequest.SerializeToString,
                                service.ModelStreamInferResponse.FromString)(iter(requests.get, None), timeout=LIMIT)
for i in range(3):
    requests.put(service.ModelInferRequest(model_name="square", id=str(i), inputs=[tensor("IN", "INT32", [1])], raw_input_contents=[struct.pack("<i", i + 1)],
                                           parameters={"triton_enable_empty_final_response": service.InferParameter(bool_param=True)}))
counts, finals = {}, set()
while len(finals) < 3:
    message = next(answers)
    assert not message.error_message, message.error_message
    response = message.infer_response
    counts[response.id] = counts.get(response.id, 0) + len(response.outputs)
    if response.parameters["triton_final_response"].bool_param:
        finals.add(response.id)
assert counts == {"0": 1, "1": 2, "2": 3}, counts
requests.put(service.ModelInferRequest(model_name="no_such", id="bad"))
assert "no_such" in next(answers).error_message
requests.put(None)
assert list(answers) == []
done("stream")

name = "/nereid-python-%d" % os.getpid()
with open("/dev/shm" + name, "w+b") as file:
    try:
        file.truncate(32)
        memory = mmap.mmap(file.fileno(), 32)
        memory[:16] = struct.pack("<4f", *values)
        call("SystemSharedMemoryRegister", name="region", key=name, offset=0, byte_size=32)
        assert call("SystemSharedMemoryStatus").regions["region"].byte_size == 32
        at = lambda offset: dict(shared_memory_region=service.InferParameter(string_param="region"), shared_memory_byte_size=service.InferParameter(int64_param=16),
                                 shared_memory_offset=service.InferParameter(int64_param=offset))
        answer = call("ModelInfer", model_name="echo", inputs=[tensor("INPUT0", "FP32", [1, 4], **at(0))], outputs=[output("OUTPUT0", **at(16))])
        assert list(answer.raw_output_contents) == [b""] and floats(memory[16:32]) == values
        call("SystemSharedMemoryUnregister", name="region")
        assert not call("SystemSharedMemoryStatus").regions
        memory.close()
    finally:
        os.unlink("/dev/shm" + name)
done("shared memory")

statistics = call("ModelStatistics", name="square").model_stats[0]
assert statistics.response_stats["2"].success.count == 1, statistics
assert call("TraceSetting").settings["trace_rate"].value == ["1000"]
assert call("LogSettings").settings["log_info"].bool_param
done("settings")

call("RepositoryModelUnload", model_name="echo")
code, text = status("ModelInfer", model_name="echo")
assert code == grpc.StatusCode.NOT_FOUND and text.endswith("has no available versions"), (code, text)
done("unload")
channel.close()
