"""A model that plays what the prompt says: real agent programs run against it offline, on 127.0.0.1.

It speaks Anthropic Messages, OpenAI Responses, OpenAI chat completions and Gemini. An answer depends on
the conversation alone, which every request carries whole. So one server does for any number of workers,
sub-agents, retries and resumed sessions. `script.py` tells what a script can say, `faults.py` how a model
fails, `server.py` what stands in an address.

    with ScriptedModel() as model:
        prompt = script({"write": "a.txt", "content": "hi\\n"}, {"text": "done"})
        ...  # run an agent whose base URL is model.at("claude")
        assert model.requests("claude")
"""

from tests.scripted_model.faults import CONTEXT, DROP, HANG, REFUSED, Fault
from tests.scripted_model.journal import Request
from tests.scripted_model.script import script
from tests.scripted_model.server import ScriptedModel

__all__ = ["CONTEXT", "DROP", "HANG", "REFUSED", "Fault", "Request", "ScriptedModel", "script"]
