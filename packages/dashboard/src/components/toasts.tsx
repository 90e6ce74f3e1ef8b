import { Toast } from "@base-ui/react/toast";
import { ApiFailure, sentenceOf } from "../api/problem.ts";

const manager = Toast.createToastManager();

/** Shows what was done, with a button to undo it if that is possible. */
export const say = (title: string, undo?: { label: string; run: () => void }): void => {
  manager.add({
    title,
    ...(undo && { actionProps: { children: undo.label, onClick: undo.run } }),
  });
};

/** Shows why something could not be done. */
export const sayFailure = (error: unknown): void => {
  const id = error instanceof ApiFailure ? error.requestId : undefined;
  manager.add({
    title: sentenceOf(error),
    ...(id && { description: `Request ${id}` }),
    type: "failure",
    priority: "high",
    timeout: 12_000,
  });
};

/** Where messages appear. */
export const Toasts = () => (
  <Toast.Provider toastManager={manager} timeout={6_000} limit={3}>
    <Toast.Portal>
      <Toast.Viewport className="fixed right-4 bottom-4 left-4 z-50 mx-auto flex max-w-md flex-col gap-2 wide:left-auto">
        <List />
      </Toast.Viewport>
    </Toast.Portal>
  </Toast.Provider>
);

function List() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className="popup p-3 transition-opacity duration-150 data-ending-style:opacity-0 data-limited:hidden data-starting-style:opacity-0"
    >
      <Toast.Content className="flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <Toast.Title
            className={`break-words font-[550] ${toast.type === "failure" ? "text-bad" : ""}`}
          />
          <Toast.Description className="mono break-all text-ink-3" />
        </div>
        {toast.actionProps && <Toast.Action className="btn" />}
        <Toast.Close className="btn btn-quiet -m-1 px-2" aria-label="Dismiss">
          ✕
        </Toast.Close>
      </Toast.Content>
    </Toast.Root>
  ));
}
