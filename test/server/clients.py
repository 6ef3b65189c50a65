"""Asks a server through clients that others wrote: Triton's over HTTP and gRPC, and KServe's over gRPC.

Usage: clients.py HTTP_ADDRESS GRPC_ADDRESS MODEL [--kserve | --control | --reflection]
Prints what each client got, as JSON: its samples of seed 7, and what it says of the model.
"""

import asyncio
import json
import queue
import sys
import time

import numpy as np

# Both define the protocol's messages, which one process can have once.
KSERVE = "--kserve" in sys.argv
if KSERVE:
    from kserve import InferenceGRPCClient, InferInput, InferRequest
else:
    import tritonclient.grpc as triton_grpc
    import tritonclient.http as triton_http
    from google.protobuf import json_format

HTTP, GRPC, MODEL = sys.argv[1:4]
PARAMETERS = {"seed": 7, "count": 2}


def about(client):
    """Liveness, readiness and metadata, by a client of Triton's."""
    metadata = client.get_model_metadata(MODEL)
    if not isinstance(metadata, dict):
        metadata = {"inputs": [{"name": one.name} for one in metadata.inputs]}
    names = [one["name"] for one in metadata["inputs"]]
    return {"ready": client.is_server_ready() and client.is_model_ready(MODEL), "inputs": names}


def temperature(module):
    """The scalar, as a client sends it that batches every input."""
    given = module.InferInput("temperature", [2, 1], "FP32")
    given.set_data_from_numpy(np.full([2, 1], 0.5, np.float32))
    return given


def ask(module, client):
    answer = client.infer(MODEL, [temperature(module)], request_id="r", parameters=PARAMETERS)
    return answer.as_numpy("data").ravel().tolist()


def refused(module, client):
    """What an error of the request becomes."""
    try:
        client.infer(MODEL, [], parameters={"count": 10**9})
    except module.InferenceServerException as error:
        return error.message()
    return None


def stream(client):
    """Parts of the samples, joined as the server drew them."""
    answers = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    client.async_stream_infer(MODEL, [temperature(triton_grpc)], parameters={**PARAMETERS, "stream": True})
    parts = []
    last = False
    while not last:
        result, error = answers.get(timeout=60)
        if error is not None:
            raise error
        parts.append(result.as_numpy("data"))
        last = result.get_response().parameters["triton_final_response"].bool_param
    client.stop_stream()
    return {"parts": len(parts), "data": np.concatenate(parts, 1).ravel().tolist()}


def statistics(client, module):
    """How many requests one more adds to what the server says of the model, and whether they took time."""

    def read():
        found = client.get_inference_statistics(MODEL)
        if not isinstance(found, dict):
            found = json_format.MessageToDict(found, preserving_proto_field_name=True)
        return {name: (int(one.get("count", 0)), int(one.get("ns", 0))) for name, one in only(found["model_stats"])["inference_stats"].items()}

    before = read()
    ask(module, client)
    # A request is counted when its answer has left.
    for _ in range(100):
        after = read()
        if after["success"][0] > before["success"][0]:
            break
        time.sleep(0.05)
    timed = ("success", "queue", "compute_infer", "compute_output")
    return {"requests": after["success"][0] - before["success"][0], "timed": all(after[name][1] > 0 for name in timed)}


def only(items):
    (item,) = items
    return item


def control(http, grpc):
    """Loads and unloads MODEL, by REST and by gRPC in turn, and what the index says after each."""

    def states(client):
        index = client.get_model_repository_index()
        if not isinstance(index, list):
            index = [{"name": one.name, "state": one.state} for one in index.models]
        return [one.get("state") for one in index if one["name"] == MODEL]

    steps = []
    for client, other in ((http, grpc), (grpc, http)):
        client.load_model(MODEL)
        steps.append([states(client), states(other), client.is_model_ready(MODEL)])
        # The other protocol's client takes it out again.
        other.unload_model(MODEL)
        steps.append([states(client), states(other), ready(other)])
    errors = []
    for client, module in ((http, triton_http), (grpc, triton_grpc)):
        try:
            client.load_model("nothing")
        except module.InferenceServerException as error:
            errors.append(error.message())
    return {"steps": steps, "errors": errors}


def ready(client):
    """Of a model that is not there, Triton's HTTP client says that it is not ready, and its gRPC client that there is none."""
    try:
        return client.is_model_ready(MODEL)
    except triton_grpc.InferenceServerException:
        return False


def reflection():
    """Services that the server names, and the fields of a message, by gRPC's own reflection client."""
    import grpc
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    database = ProtoReflectionDescriptorDatabase(grpc.insecure_channel(GRPC))
    pool = DescriptorPool(database)
    service = pool.FindServiceByName("inference.GRPCInferenceService")
    return {
        "services": sorted(database.get_services()),
        "methods": sorted(method.name for method in service.methods),
        "fields": sorted(field.name for field in pool.FindMessageTypeByName("inference.ModelInferRequest").fields),
    }


async def kserve():
    client = InferenceGRPCClient(GRPC)
    given = InferInput("temperature", [2, 1], "FP32")
    given.set_data_from_numpy(np.full([2, 1], 0.5, np.float32), binary_data=True)
    request = InferRequest(MODEL, [given], parameters=PARAMETERS)
    answer = await client.infer(request)
    data = next(one for one in answer.outputs if one.name == "data").as_numpy()
    ready = await client.is_server_ready() and await client.is_model_ready(MODEL)
    return {"ready": ready, "data": data.ravel().tolist()}


def triton():
    http = triton_http.InferenceServerClient(HTTP)
    grpc = triton_grpc.InferenceServerClient(GRPC)
    return {
        "http": {**about(http), "data": ask(triton_http, http), "refused": refused(triton_http, http)},
        "grpc": {**about(grpc), "data": ask(triton_grpc, grpc), "refused": refused(triton_grpc, grpc)},
        "stream": stream(grpc),
        "statistics": {"http": statistics(http, triton_http), "grpc": statistics(grpc, triton_grpc)},
        "config": grpc.get_model_config(MODEL).config.backend,
        "index": sorted({one.name for one in grpc.get_model_repository_index().models}),
    }


def found():
    if KSERVE:
        return {"kserve": asyncio.run(kserve())}
    if "--control" in sys.argv:
        return control(triton_http.InferenceServerClient(HTTP), triton_grpc.InferenceServerClient(GRPC))
    return reflection() if "--reflection" in sys.argv else triton()


json.dump(found(), sys.stdout)
