"""An app that knows nothing of the gate: it speaks to OPENAI_BASE_URL with a key, as every OpenAI client does."""

import json
import os
import pathlib
import time
import urllib.request

INTERVAL_SECONDS = 60


def ask(question):
    # Read anew for each call: Kubernetes brings a rotated key without a restart.
    key = pathlib.Path(os.environ["OPENAI_API_KEY_FILE"]).read_text().strip()
    body = {"model": os.environ.get("MODEL", "gpt-4o-mini"), "messages": [{"role": "user", "content": question}]}
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["choices"][0]["message"]["content"]


def main():
    while True:
        try:
            print(ask("Say hello."))
        except OSError as error:
            # No key yet, or refused: told, and tried again.
            print(f"no answer: {error}")
        time.sleep(INTERVAL_SECONDS)


if __name__ == "__main__":
    main()
