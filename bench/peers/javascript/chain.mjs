// The graph of tests/probes/bundles/chain in LangGraph JS, run for so many milliseconds; prints what one run costs.
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";

const State = Annotation.Root({
  text: Annotation(),
  intent: Annotation(),
  notes: Annotation({ reducer: (left, right) => left.concat(right), default: () => [] }),
  verdict: Annotation(),
  reply: Annotation(),
});

const graph = new StateGraph(State)
  .addNode("understand", ({ text }) => ({ intent: text.includes("table") ? "book" : "talk" }))
  .addNode("book", () => ({ notes: ["book"] }))
  .addNode("answer", ({ intent, notes }) => ({
    reply: `${intent}: ${notes.at(-1) ?? "nothing was noted"}`,
    verdict: { code: `chain.${intent}`, type: "chain", confidence: 1, reasoning: "the chain came to its end" },
  }))
  .addEdge(START, "understand")
  .addConditionalEdges("understand", ({ intent }) => (intent === "book" ? "book" : "answer"), ["book", "answer"])
  .addEdge("book", "answer")
  .addEdge("answer", END)
  .compile();

async function run(milliseconds) {
  const cpu = process.cpuUsage();
  const started = performance.now();
  let runs = 0;
  while (performance.now() - started < milliseconds) {
    const { verdict } = await graph.invoke({ text: "a table for four, please" });
    if (verdict.code !== "chain.book") throw new Error(`decided ${verdict.code}`);
    runs += 1;
  }
  const used = process.cpuUsage(cpu);
  return { cpu: (used.user + used.system) / runs, wall: ((performance.now() - started) * 1000) / runs };
}

const milliseconds = Number(process.argv[2]);
await run(milliseconds);
console.log(JSON.stringify(await run(milliseconds)));
