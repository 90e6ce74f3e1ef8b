import type { AssistantServerChange, CallMessageReport } from "@postrider/sdk";
import { firstOf, type Simulation, type Stage } from "./simulation.ts";

const assistantName = "Simulated receptionist";
const hangTimeoutSeconds = 1;

const messages: NonNullable<AssistantServerChange["messages"]> = [
  "status-update",
  "conversation-update",
  "end-of-call-report",
  "hang",
  "error",
];

const dialogue: readonly [CallMessageReport["role"], string][] = [
  ["assistant", "Good morning, this is the practice of Doctor Lovelace. How can I help you?"],
  ["user", "I need an appointment, as early as possible."],
  ["assistant", "Tuesday at half past nine is free. Does that suit you?"],
  ["user", "Yes, that is fine."],
  ["assistant", "May I have your date of birth, please?"],
  ["user", "The tenth of December 1985."],
  ["assistant", "Thank you. You will get a message with the details."],
  ["user", "Thanks, goodbye."],
];
/** After this many messages some callers wait in vain for a while. */
const messagesBeforeSilence = 6;

/** Calls to a receptionist; in every fourth one speech is not understood and the assistant hangs. */
export const simulatedCalls: Simulation = {
  async prepare(stage) {
    const { assistants } = stage.postrider;
    const server = stage.receiverUrl && {
      enabled: true,
      url: `${stage.receiverUrl}/assistant-server`,
      messages,
    };
    const wanted = { hangTimeoutSeconds, ...(server && { assistantServer: server }) };
    const mine = await firstOf(assistants.each(), ({ name }) => name === assistantName);
    const { id } = mine ?? (await assistants.create({ name: assistantName, ...wanted }));
    if (mine && server) await assistants.update(id, wanted);
    return { play: (n) => playCall(stage, id, n), finish: async () => {} };
  },
};

async function playCall(stage: Stage, assistantId: string, n: number): Promise<void> {
  const call = await stage.postrider.calls.start(
    {
      assistantId,
      ...(n % 2 === 0 ? phone : ({ callType: "web" } as const)),
      direction: "inbound",
      metadata: { simulated: true },
    },
    { buffer: stage.sink },
  );
  await stage.pause(200);
  await call.status("ongoing");
  for (const [index, [role, text]] of dialogue.entries()) {
    if (n % 4 === 0 && index === messagesBeforeSilence) {
      await call.error({
        type: "stt_error",
        code: "no_speech_recognised",
        message: "The recogniser gave no text.",
        provider: "simulated",
        retryable: true,
      });
      await stage.pause(hangTimeoutSeconds * 1_000 + 500);
    }
    await call.message(role, text);
    await stage.pause(role === "user" ? 100 : 200);
  }
  await call.end({
    callEndTriggerBy: "user",
    recording: { url: "https://recordings.example.com/simulated.ogg" },
    analysis: { summary: "An appointment was booked.", success: true },
    cost: { currency: "USD", total: 0.12, llm: 0.05, stt: 0.03, tts: 0.04 },
  });
}

const phone = {
  callType: "phone",
  userNumber: "+12025550143",
  assistantNumber: "+12025550100",
  phoneProvider: "simulated",
} as const;
