"""The graph of tests/probes/bundles/chain in LangGraph Python, run for so many milliseconds; prints what one run costs."""

import json
import operator
import sys
import time
from typing import Annotated, TypedDict

from langgraph.graph import END, START, StateGraph


class State(TypedDict, total=False):
    text: str
    intent: str
    notes: Annotated[list[str], operator.add]
    verdict: dict
    reply: str


def understand(state: State) -> State:
    return {"intent": "book" if "table" in state["text"] else "talk"}


def book(_: State) -> State:
    return {"notes": ["book"]}


def answer(state: State) -> State:
    intent, notes = state["intent"], state.get("notes") or ["nothing was noted"]
    verdict = {"code": f"chain.{intent}", "type": "chain", "confidence": 1.0, "reasoning": "the chain came to its end"}
    return {"reply": f"{intent}: {notes[-1]}", "verdict": verdict}


builder = StateGraph(State)
builder.add_node("understand", understand)
builder.add_node("book", book)
builder.add_node("answer", answer)
builder.add_edge(START, "understand")
builder.add_conditional_edges("understand", lambda s: "book" if s["intent"] == "book" else "answer", ["book", "answer"])
builder.add_edge("book", "answer")
builder.add_edge("answer", END)
graph = builder.compile()


def run(milliseconds: float) -> dict:
    cpu, started, runs = time.process_time(), time.perf_counter(), 0
    while (time.perf_counter() - started) * 1000 < milliseconds:
        result = graph.invoke({"text": "a table for four, please"})
        if result["verdict"]["code"] != "chain.book":
            raise SystemExit(f"decided {result['verdict']}")
        runs += 1
    used, took = time.process_time() - cpu, time.perf_counter() - started
    return {"cpu": used * 1e6 / runs, "wall": took * 1e6 / runs}


milliseconds = float(sys.argv[1])
run(milliseconds)
print(json.dumps(run(milliseconds)))
