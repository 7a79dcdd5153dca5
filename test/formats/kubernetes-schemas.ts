// What an API server accepts, as JSON schemas: facts from the CRD of the security profiles operator
// (kubernetes-sigs/security-profiles-operator, deploy/base-crds/crds/seccompprofile.yaml): v1 of 2026 (v1.1.0) and v1beta1 of 2023, whose
// controllers read errnoRet as a number. Unknown fields are refused, as `kubectl apply --validate=strict` does; lists of kind `set`
// have no item twice; its rules in CEL are said in JSON Schema.

const actions = [
  ...['SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO'],
  ...['SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_NOTIFY'],
];
const architectures = [
  ...[
    'NATIVE',
    'X86',
    'X86_64',
    'X32',
    'ARM',
    'AARCH64',
    'MIPS',
    'MIPS64',
    'MIPS64N32',
    'MIPSEL',
    'MIPSEL64',
  ],
  ...['MIPSEL64N32', 'PPC', 'PPC64', 'PPC64LE', 'S390', 'S390X', 'PARISC', 'PARISC64', 'RISCV64'],
].map((name) => `SCMP_ARCH_${name}`);
const flags = ['TSYNC', 'LOG', 'SPEC_ALLOW', 'WAIT_KILLABLE_RECV'].map(
  (name) => `SECCOMP_FILTER_FLAG_${name}`,
);
const operators = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'].map((name) => `SCMP_CMP_${name}`);

const text = { type: 'string' };
const int64 = { type: 'integer', format: 'int64', minimum: 0 };
const set = (items: object) => ({ type: 'array', items, uniqueItems: true });
const list = (items: object) => ({ type: 'array', items });

function object(required: readonly string[], properties: Readonly<Record<string, object>>): object {
  return { type: 'object', required, properties, additionalProperties: false };
}

/** A DNS subdomain, RFC 1123. */
const name = {
  type: 'string',
  maxLength: 253,
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
};

function resource(version: string, spec: object): object {
  return object(['apiVersion', 'kind', 'metadata', 'spec'], {
    apiVersion: { const: `security-profiles-operator.x-k8s.io/${version}` },
    kind: { const: 'SeccompProfile' },
    metadata: { type: 'object', required: ['name'], properties: { name, namespace: name } },
    spec,
  });
}

export const schemas = {
  v1: resource(
    'v1',
    object(['defaultAction'], {
      state: { enum: ['Enabled', 'Disabled'] },
      baseProfileName: text,
      defaultAction: { enum: actions.filter((action) => action !== 'SCMP_ACT_NOTIFY') },
      architectures: set({ enum: architectures }),
      listenerPath: {
        type: 'string',
        maxLength: 107,
        pattern: '^/var/run/security-profiles-operator/[a-zA-Z0-9_\\-\\.]+$',
      },
      listenerMetadata: text,
      flags: set({ enum: flags }),
      syscalls: list(
        object(['action', 'names'], {
          names: { ...set(text), minItems: 1 },
          action: { enum: actions },
          errnoRet: { type: 'integer', format: 'int32', minimum: 0, maximum: 4095 },
          args: {
            ...list(
              object(['index', 'op'], {
                index: { type: 'integer', format: 'int32', minimum: 0, maximum: 5 },
                value: int64,
                valueTwo: int64,
                op: { enum: operators },
              }),
            ),
            maxItems: 6,
          },
        }),
      ),
    }),
  ),
  v1beta1: resource(
    'v1beta1',
    object(['defaultAction'], {
      disabled: { type: 'boolean' },
      baseProfileName: text,
      defaultAction: { enum: actions },
      architectures: list({ enum: architectures }),
      listenerPath: text,
      listenerMetadata: text,
      flags: list({ enum: flags }),
      syscalls: list(
        object(['action', 'names'], {
          names: list(text),
          action: { enum: actions },
          errnoRet: { type: 'integer', minimum: 0 },
          args: {
            ...list(
              object(['index', 'op'], {
                index: { type: 'integer', minimum: 0 },
                value: int64,
                valueTwo: int64,
                op: { enum: operators },
              }),
            ),
            maxItems: 6,
          },
        }),
      ),
    }),
  ),
};
