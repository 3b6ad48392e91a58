"""What language models' answers tell, recorded; docs/python.md shows its parts, word for word."""

import ringside

ollama_answer = {  # what POST /api/chat returns
    "model": "llama3.2",
    "message": {"role": "assistant", "content": "Blue, as the air scatters it most."},
    "done_reason": "stop",
    "total_duration": 4_935_886_791,
    "load_duration": 1_986_771_084,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 423_000_000,
    "eval_count": 90,
    "eval_duration": 2_500_000_000,
}


def chat(complete, question):
    with ringside.request("chat", question_chars=len(question)):
        answer = complete(question)
        ringside.llm(answer)
    return answer


def chat_streamed(client, question):
    with ringside.request("chat"):
        for chunk in ringside.llm_stream(client(question), model="llama3.2"):
            print(chunk["message"]["content"], end="")


async def chat_streamed_async(client, question):
    async with ringside.request("chat"):
        async for chunk in ringside.llm_stream(client(question), model="llama3.2"):
            print(chunk["message"]["content"], end="")


def load():
    with ringside.model_load("t5-small", version="1", device="cpu", bytes=242_000_000):
        return bytearray(1 << 20)


def call_another_service(send, incoming_headers):
    with ringside.request("summarise") as request:
        ringside.traceparent.accept(incoming_headers.get("traceparent"))
        send(headers={"traceparent": ringside.traceparent.header()})
    return request.summary
