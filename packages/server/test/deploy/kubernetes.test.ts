import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Service } from "kubernetes-models/v1/Service";
import { expect, onTestFinished, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { readConfig } from "../../src/config.ts";
import { readText, root } from "../house/sources.ts";
import { openAllMetrics } from "../support/all-metrics.ts";
import { findProgram } from "./programs.ts";

const kubectl = findProgram("kubectl", ["version", "--client"]);
const folder = path.join(root, "deploy/kubernetes");

/** The models of what may be there, each by where its types are. */
const models = {
  "kubernetes-models/apps/v1/Deployment": Deployment,
  "kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler": HorizontalPodAutoscaler,
  "kubernetes-models/networking.k8s.io/v1/NetworkPolicy": NetworkPolicy,
  "kubernetes-models/policy/v1/PodDisruptionBudget": PodDisruptionBudget,
  "kubernetes-models/v1/Service": Service,
  "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor": ServiceMonitor,
};

// biome-ignore lint/suspicious/noExplicitAny: a test looks into resources of every kind.
type Resource = any;

const files = readdirSync(folder).filter((file) => file !== "kustomization.yaml");
const own: Resource[] = files.map((file) => parse(readText(`deploy/kubernetes/${file}`)));
const ofKind = (kind: string): Resource => own.find((resource) => resource.kind === kind);

function modelOf({ apiVersion, kind }: Resource): [string, new (given: never) => Resource] {
  const place = `${apiVersion}/${kind}`;
  const found = Object.entries(models).find(([name]) => name.endsWith(`/${place}`));
  if (!found) throw new Error(`there is no model of ${place}`);
  return found;
}

/** What the schemas of Kubernetes and of the Prometheus operator find wrong. */
function faultsIn(resources: readonly Resource[]): string[] {
  return resources.flatMap((resource) => {
    const [, Model] = modelOf(resource);
    try {
      new Model(resource as never).validate();
      return [];
    } catch (error) {
      return [`${resource.kind}: ${(error as Error).message}`];
    }
  });
}

/** What the compiler finds wrong with resources written as values of their types: members that there are not, above all. */
function misspelt(resources: readonly Resource[]): string {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-kubernetes-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  symlinkSync(path.join(root, "node_modules"), path.join(directory, "node_modules"));
  const text = resources.map((resource, index) => {
    const [place] = modelOf(resource);
    const literal = JSON.stringify(resource, null, 1);
    return `import type { I${resource.kind} as Type${index} } from "${place}";
export const value${index}: Type${index} = ${literal};`;
  });
  const file = path.join(directory, "resources.mts");
  writeFileSync(file, text.join("\n"));
  const { stdout, status } = spawnSync(
    process.execPath,
    [
      path.join(root, "node_modules/typescript/bin/tsc"),
      ...["--noEmit", "--strict", "--skipLibCheck", "--target", "es2023", "--types", ""],
      ...["--module", "nodenext", "--moduleResolution", "nodenext", "--preserveSymlinks", file],
    ],
    { encoding: "utf8", cwd: directory, timeout: 60_000 },
  );
  return status === 0 ? "" : stdout;
}

test("every resource keeps to its schema, and one that does not would be found", () => {
  expect(own.map(({ kind }) => kind).sort()).toEqual([
    "Deployment",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
    "ServiceMonitor",
  ]);
  expect(faultsIn(own)).toEqual([]);
  const wrong = structuredClone(ofKind("Deployment"));
  wrong.spec.template.spec.containers[0].ports[0].containerPort = "http";
  expect(faultsIn([wrong])).toHaveLength(1);
});

test("no resource has a member that its type has not", () => {
  expect(misspelt(own)).toBe("");
  const wrong = structuredClone(ofKind("Deployment"));
  wrong.spec.template.spec.containers[0].securityContext.readonlyRootFilesystem = true;
  expect(misspelt([wrong])).toContain("readonlyRootFilesystem");
});

test("kustomize builds the base, of all files, and what it builds keeps to the schemas", ({
  skip,
}) => {
  const { resources } = parse(readText("deploy/kubernetes/kustomization.yaml"));
  expect([...resources].sort()).toEqual([...files].sort());
  skip(!kubectl.isThere, kubectl.missing);
  const { code, output } = kubectl.run(["kustomize", folder]);
  expect(code, output).toBe(0);
  const built: Resource[] = parseAllDocuments(output).map((document) => document.toJS());
  expect(built).toHaveLength(files.length);
  expect(faultsIn(built)).toEqual([]);
  const { spec } = built.find(({ kind }) => kind === "NetworkPolicy");
  // kustomize adds labels to selectors when it is told to, and to those of others as well.
  expect(spec.ingress[0].from[0].podSelector.matchLabels).toEqual({ "postrider-client": "true" });
});

test("pods run as a user who is not root, on a file system that they cannot change, with no rights", () => {
  const { spec } = ofKind("Deployment").spec.template;
  expect(spec.securityContext).toMatchObject({
    runAsNonRoot: true,
    seccompProfile: { type: "RuntimeDefault" },
  });
  expect(spec.automountServiceAccountToken).toBe(false);
  for (const { securityContext } of [...spec.initContainers, ...spec.containers]) {
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  }
});

test("a pod has the time that a process takes to stop, and is asked what the service answers", () => {
  const { spec } = ofKind("Deployment").spec.template;
  const [container] = spec.containers;
  const [, before] = container.lifecycle.preStop.exec.command;
  const { shutdownSeconds } = readConfig("development", {});
  expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(shutdownSeconds + Number(before));
  expect(container.readinessProbe.httpGet.path).toBe("/readyz");
  expect(container.livenessProbe.httpGet.path).toBe("/livez");
  const { paths } = JSON.parse(readText("packages/server/openapi.json"));
  for (const path of ["/readyz", "/livez", ofKind("ServiceMonitor").spec.endpoints[0].path]) {
    expect(Object.keys(paths)).toContain(path);
  }
});

test("selectors find the pods, and the autoscaler scales by a metric that there is", () => {
  const labels = { "app.kubernetes.io/name": "postrider" };
  const { pairs } = parse(readText("deploy/kubernetes/kustomization.yaml")).labels[0];
  expect(pairs).toEqual(labels);
  expect(ofKind("Deployment").spec.selector.matchLabels).toEqual(labels);
  expect(ofKind("Service").spec.selector).toEqual(labels);
  expect(ofKind("NetworkPolicy").spec.podSelector.matchLabels).toEqual(labels);
  for (const kind of ["PodDisruptionBudget", "ServiceMonitor"]) {
    expect(ofKind(kind).spec.selector.matchLabels).toEqual(labels);
  }
  const { metrics, minReplicas } = ofKind("HorizontalPodAutoscaler").spec;
  const names = openAllMetrics()
    .metrics.describe()
    .map(({ name }) => name);
  expect(names).toContain(metrics[0].external.metric.name);
  expect(minReplicas).toBeGreaterThanOrEqual(2);
});
