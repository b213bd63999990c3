// What the dashboard shows: rows of panels, each with its title, its unit, what it says, and its queries with their legends.
// `$of` stands for the labels that the dashboard's variables choose.

const rate = (selector) => `rate(${selector}[$__rate_interval])`;
const perSecond = (by, name, labels = '') => `sum by (${by}) (${rate(`${name}{$of${labels && `,${labels}`}}`)})`;
const quantile = (share, name, by = '') =>
  `histogram_quantile(${share}, sum by (${['le', by].filter(Boolean).join(', ')}) (${rate(`${name}_bucket{$of}`)}))`;
const gauge = (name, by) => `sum by (${by}) (${name}{$of})`;

export const ROWS = [
  {
    title: 'At a glance',
    height: 4,
    panels: [
      {
        title: 'Ready',
        stat: true,
        description: 'How many servers are ready to serve.',
        queries: [['ready', 'sum(latchkey_ready{$of})']],
      },
      {
        title: 'Requests',
        stat: true,
        unit: 'reqps',
        description: 'Of all servers together.',
        queries: [['requests', `sum(${rate('latchkey_http_requests_total{$of}')})`]],
      },
      {
        title: 'Errors',
        stat: true,
        unit: 'percentunit',
        description: 'The share of requests that were answered by 5xx.',
        bad: 0.01,
        queries: [
          [
            'errors',
            `(sum(${rate('latchkey_http_requests_total{$of,status=~"5..",route!="/readyz"}')}) or vector(0)) / sum(${rate('latchkey_http_requests_total{$of}')})`,
          ],
        ],
      },
      {
        title: 'Latency',
        stat: true,
        unit: 's',
        description: 'The 95th percentile of all requests.',
        bad: 0.5,
        queries: [['p95', quantile(0.95, 'latchkey_http_request_seconds')]],
      },
      {
        title: 'Sign-ins that fail',
        stat: true,
        unit: 'percentunit',
        description: 'The share of sign-ins that failed.',
        bad: 0.5,
        queries: [
          [
            'failed',
            `sum(${rate('latchkey_audit_events_total{$of,kind="sign_in",outcome="failure"}')}) / sum(${rate('latchkey_audit_events_total{$of,kind="sign_in"}')})`,
          ],
        ],
      },
      {
        title: 'Oldest mail',
        stat: true,
        unit: 's',
        description: 'How old the oldest mail is that waits to be sent.',
        bad: 900,
        queries: [['oldest', 'max(latchkey_mails_oldest_seconds{$of})']],
      },
    ],
  },
  {
    title: 'Requests',
    panels: [
      {
        title: 'Requests by status',
        unit: 'reqps',
        description: 'Of all routes.',
        queries: [['{{status}}', perSecond('status', 'latchkey_http_requests_total')]],
      },
      {
        title: 'Latency',
        unit: 's',
        description: 'How long requests took, by percentile.',
        queries: [0.5, 0.95, 0.99].map((share) => [
          `p${share * 100}`,
          quantile(share, 'latchkey_http_request_seconds'),
        ]),
      },
      {
        title: 'Requests by route',
        unit: 'reqps',
        description: 'The ten that are asked for most.',
        queries: [['{{method}} {{route}}', `topk(10, ${perSecond('method, route', 'latchkey_http_requests_total')})`]],
      },
      {
        title: 'Slowest routes',
        unit: 's',
        description: 'The ten with the longest mean time of an answer.',
        queries: [
          [
            '{{method}} {{route}}',
            `topk(10, ${perSecond('method, route', 'latchkey_http_request_seconds_sum')} / (${perSecond('method, route', 'latchkey_http_request_seconds_count')} > 0))`,
          ],
        ],
      },
    ],
  },
  {
    title: 'Credentials',
    panels: [
      {
        title: 'Checks',
        unit: 'ops',
        description: 'Credentials that were presented, by kind and outcome.',
        queries: [['{{kind}} {{outcome}}', perSecond('kind, outcome', 'latchkey_credential_checks_total')]],
      },
      {
        title: 'Tokens issued',
        unit: 'ops',
        description: 'By kind.',
        queries: [['{{kind}}', perSecond('kind', 'latchkey_tokens_issued_total')]],
      },
      {
        title: 'Tokens refused',
        unit: 'ops',
        description: 'By kind and reason.',
        queries: [['{{kind}} {{reason}}', perSecond('kind, reason', 'latchkey_token_refusals_total')]],
      },
      {
        title: 'Refresh tokens',
        unit: 'ops',
        description: 'By outcome. skipped: shown late; reused: one that has ended its session.',
        queries: [['{{outcome}}', perSecond('outcome', 'latchkey_session_refreshes_total')]],
      },
      {
        title: 'Events of the audit log',
        unit: 'ops',
        description: 'The ten kinds that happen most.',
        queries: [['{{kind}} {{outcome}}', `topk(10, ${perSecond('kind, outcome', 'latchkey_audit_events_total')})`]],
      },
    ],
  },
  {
    title: 'Signs of an attack',
    panels: [
      {
        title: 'Sign-ins',
        unit: 'ops',
        description: 'By outcome.',
        queries: [['{{outcome}}', perSecond('outcome', 'latchkey_audit_events_total', 'kind="sign_in"')]],
      },
      {
        title: 'Lock-outs, limits and reused refresh tokens',
        unit: 'ops',
        description: 'Whatever of it goes up for long is worth a look at the audit log.',
        queries: [
          [
            '{{kind}}',
            perSecond('kind', 'latchkey_audit_events_total', 'kind=~"sign_in.locked|limit.reached|session.reused"'),
          ],
        ],
      },
    ],
  },
  {
    title: 'Passwords',
    panels: [
      {
        title: 'Hashing',
        description: 'How many passwords are being hashed, wait for it, and can be hashed at once.',
        queries: [
          ['running', 'sum(latchkey_hashing_running{$of})'],
          ['waiting', 'sum(latchkey_hashing_waiting{$of})'],
          ['threads', 'sum(latchkey_hashing_threads{$of})'],
        ],
      },
      {
        title: 'Refused',
        unit: 'reqps',
        description: 'Requests that were 503 as too many passwords waited.',
        queries: [['{{instance}}', perSecond('instance', 'latchkey_hashing_refused_total')]],
      },
      {
        title: 'Time to hash one',
        unit: 's',
        description: 'Without waiting.',
        queries: [0.5, 0.95].map((share) => [`p${share * 100}`, quantile(share, 'latchkey_hashing_seconds')]),
      },
    ],
  },
  {
    title: 'Database',
    panels: [
      {
        title: 'Connections',
        description: 'By pool and state, and how many there may be.',
        queries: [
          ['{{pool}} {{state}}', gauge('latchkey_database_connections', 'pool, state')],
          ['{{pool}} at most', gauge('latchkey_database_connections_max', 'pool')],
        ],
      },
      {
        title: 'Waiting for a connection',
        description: 'By server and pool. More than 0 for long: the database is slow, or the pool small.',
        queries: [['{{instance}} {{pool}}', gauge('latchkey_database_waiting', 'instance, pool')]],
      },
      {
        title: 'Time until there is one',
        unit: 's',
        description: 'For how long requests have waited for a connection.',
        queries: [0.5, 0.95, 0.99].map((share) => [
          `p${share * 100}`,
          quantile(share, 'latchkey_database_wait_seconds'),
        ]),
      },
    ],
  },
  {
    title: 'What is remembered',
    panels: [
      {
        title: 'Look-ups answered from memory',
        unit: 'percentunit',
        description: 'The share of hits, by cache.',
        queries: [
          [
            '{{cache}}',
            `${perSecond('cache', 'latchkey_cache_requests_total', 'outcome="hit"')} / (${perSecond('cache', 'latchkey_cache_requests_total')} > 0)`,
          ],
        ],
      },
      {
        title: 'Look-ups',
        unit: 'ops',
        description: 'By outcome. bypassed: revocations may be missed at the moment, so everything is looked up.',
        queries: [['{{outcome}}', perSecond('outcome', 'latchkey_cache_requests_total')]],
      },
      {
        title: 'Credentials remembered',
        description: 'By cache.',
        queries: [['{{cache}}', gauge('latchkey_cache_entries', 'cache')]],
      },
      {
        title: 'Revocations are received',
        description: 'By server: 0 while it is not certain to hear of them.',
        queries: [['{{instance}}', gauge('latchkey_revocations_connected', 'instance')]],
      },
      {
        title: 'Revocations',
        unit: 'ops',
        description: 'How many each server has received.',
        queries: [['{{instance}}', perSecond('instance', 'latchkey_revocations_received_total')]],
      },
      {
        title: 'Time until a revocation is received',
        unit: 's',
        description: 'From the sending of a notification; measured each second.',
        queries: [0.5, 0.99].map((share) => [`p${share * 100}`, quantile(share, 'latchkey_revocations_lag_seconds')]),
      },
    ],
  },
  {
    title: 'Mail',
    panels: [
      {
        title: 'Waiting',
        description: 'Mails that wait to be sent, of all servers.',
        queries: [['waiting', 'max(latchkey_mails_waiting{$of})']],
      },
      {
        title: 'Attempts',
        unit: 'ops',
        description: 'By outcome. failed: it is tried again; refused: it is not.',
        queries: [['{{outcome}}', perSecond('outcome', 'latchkey_mail_attempts_total')]],
      },
      {
        title: 'Refused for good',
        unit: 'ops',
        description: 'By what the mail server refused.',
        queries: [['{{reason}}', perSecond('reason', 'latchkey_mails_refused_total')]],
      },
    ],
  },
  {
    title: 'Housekeeping',
    panels: [
      {
        title: 'Age of the signing key',
        unit: 's',
        description: 'And the age at which it is replaced; 0: it is not replaced on schedule.',
        queries: [
          ['age', 'max(latchkey_signing_key_age_seconds{$of})'],
          ['at most', 'max(latchkey_signing_key_max_age_seconds{$of})'],
        ],
      },
      {
        title: 'Clock',
        unit: 's',
        description: "By how much each server's clock is ahead of the database's.",
        queries: [['{{instance}}', 'latchkey_clock_offset_seconds{$of}']],
      },
      {
        title: 'Versions',
        description: 'How many servers run which version of Latchkey and of Node.',
        queries: [['{{version}} on Node {{node}}', 'count by (version, node) (latchkey_build_info{$of})']],
      },
      {
        title: 'Expired rows deleted',
        unit: 'ops',
        description: 'By table, without those of partitions that were dropped.',
        queries: [['{{table}}', perSecond('table', 'latchkey_sweeper_rows_total')]],
      },
      {
        title: 'Sweeps',
        unit: 'ops',
        description: 'By outcome. skipped: another server was sweeping.',
        queries: [['{{outcome}}', perSecond('outcome', 'latchkey_sweeper_runs_total')]],
      },
      {
        title: 'Time of a sweep, and since the last one',
        unit: 's',
        description: 'There is one each minute, on whichever server is first.',
        queries: [
          ['p95', quantile(0.95, 'latchkey_sweeper_seconds')],
          ['since the last one', 'time() - max(latchkey_sweeper_last_run_timestamp_seconds{$of} > 0)'],
        ],
      },
      {
        title: 'Newest migration',
        description: 'The number that its name begins with.',
        queries: [['migration', 'max(latchkey_schema_migration{$of})']],
      },
    ],
  },
  {
    title: 'Processes',
    panels: [
      {
        title: 'CPU',
        description: 'Cores that are used.',
        queries: [['{{instance}}', perSecond('instance', 'process_cpu_seconds_total')]],
      },
      {
        title: 'Memory',
        unit: 'bytes',
        description: 'Of the process, and of it what JavaScript uses.',
        queries: [
          ['{{instance}} process', gauge('process_resident_memory_bytes', 'instance')],
          ['{{instance}} JavaScript', gauge('nodejs_heap_size_used_bytes', 'instance')],
        ],
      },
      {
        title: 'Event loop',
        unit: 's',
        description: 'How late it is (99th percentile). Over 0.1 s: more CPU, or more servers.',
        queries: [['{{instance}}', quantile(0.99, 'nodejs_eventloop_delay_seconds', 'instance')]],
      },
      {
        title: 'Running for',
        unit: 's',
        description: 'Since each was started.',
        queries: [['{{instance}}', 'time() - process_start_time_seconds{$of}']],
      },
    ],
  },
];
