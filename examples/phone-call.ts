// A phone call, from ringing to hanging up, and the server messages that an assistant's owner gets of it.
import { openPostrider } from "./postrider.ts";
import { openReceiver } from "./receiver.ts";

/** What this example reads of a server message. */
type ServerMessage = {
  message: {
    type: string;
    call: { id: string; status: string };
    messages?: { role: string; text: string }[];
    error?: { type: string; code: string };
    analysis: { summary?: string };
  };
};

/** What arrives, line by line and in this order, however often the example is run. */
const expected = [
  "status-update        queued",
  "status-update        ongoing",
  "conversation-update  1 assistant: Good morning! How can I help you?",
  "conversation-update  2 user: I need an appointment.",
  "conversation-update  3 assistant: Tuesday at half past nine?",
  "error                stt_error no_speech_recognised",
  "conversation-update  4 assistant: Sorry, I did not get that. Tuesday at half past nine?",
  "conversation-update  5 user: Yes, please.",
  "hang                 after 5 messages",
  "conversation-update  6 assistant: It is booked.",
  "conversation-update  7 user: Thank you!",
  "conversation-update  8 assistant: Goodbye.",
  "status-update        finished",
  "end-of-call-report   An appointment was booked.",
];

function describe({ message }: ServerMessage): string {
  const { type, call, messages = [], error, analysis } = message;
  const last = messages.at(-1);
  const details: Record<string, string> = {
    "status-update": call.status,
    "conversation-update": `${messages.length} ${last?.role}: ${last?.text}`,
    "end-of-call-report": `${analysis.summary}`,
    hang: `after ${messages.length} messages`,
    error: `${error?.type} ${error?.code}`,
  };
  return `${type.padEnd(19)}  ${details[type]}`;
}

const postrider = openPostrider();
const receiver = await openReceiver<ServerMessage>();

const assistant = await postrider.assistants.create({
  name: "Example: receptionist",
  hangTimeoutSeconds: 1,
  assistantServer: {
    enabled: true,
    url: receiver.url,
    messages: ["status-update", "conversation-update", "end-of-call-report", "hang", "error"],
  },
});
const { secret } = await postrider.assistants.getSecret(assistant.id);
receiver.trust(secret);

try {
  const call = await postrider.calls.start({
    assistantId: assistant.id,
    callType: "phone",
    direction: "inbound",
    userNumber: "+12025550143",
  });
  await call.status("ongoing");
  await call.message("assistant", "Good morning! How can I help you?");
  await call.message("user", "I need an appointment.");
  await call.message("assistant", "Tuesday at half past nine?");
  await call.error({ type: "stt_error", code: "no_speech_recognised", retryable: true });
  await call.message("assistant", "Sorry, I did not get that. Tuesday at half past nine?");
  await call.message("user", "Yes, please.");
  // The assistant has nothing to say for a second: it hangs, and its owner is told.
  await receiver.until(({ message }) => message.type === "hang");
  await call.message("assistant", "It is booked.");
  await call.message("user", "Thank you!");
  await call.message("assistant", "Goodbye.");
  await call.end({
    callEndTriggerBy: "user",
    recording: { url: "https://recordings.example.com/1.ogg" },
    analysis: { summary: "An appointment was booked." },
    cost: { currency: "USD", total: 0.12 },
  });

  const webhooks = await receiver.until(({ message }) => message.type === "end-of-call-report");
  const lines = webhooks.map(({ body }) => describe(body));
  for (const line of lines) console.log(line);
  if (lines.join() !== expected.join()) throw new Error(`expected\n${expected.join("\n")}`);
} finally {
  await postrider.assistants.delete(assistant.id);
  receiver.close();
}
