/* scenario.h -- what a scenario file says, as one plain C structure.
 *
 * A scenario is XML, validated against scenarios/scenario.rng (which is also built into the library). Reading it is
 * pure parsing: this module needs libxml2 only, prints nothing, never exits, opens no network connection and no
 * external entity. Everything that the file left out has its default here (the defaults are in the schema,
 * docs/scenario.md lists them), every unit has been converted, every file name has been resolved against the scenario's
 * folder and the file exists, and every demand fits on at least one node type.
 *
 * Units: times in nanoseconds, sizes in bytes, bandwidths in bytes per second, rates per second, resource amounts in
 * fixed point (1e-4: 10000 is one CPU). Ownership: rs_scenario_free releases everything; no pointer outlives it.
 * A scenario is read-only after loading and may be shared by threads; loading is thread-safe once one load has
 * returned.
 */
#ifndef RS_SIM_SCENARIO_H
#define RS_SIM_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RS_SCENARIO_UNIT INT64_C(10000)       /* resource amount 1 */
#define RS_SCENARIO_NONE UINT64_MAX           /* "no limit" or "not given" of a u64 */
#define RS_SCENARIO_FROM_HOST INT64_C(-1)     /* cpu_e4 with a platform file: as many as the host has cores */
#define RS_SCENARIO_FILE_BYTES_MAX (1u << 20) /* a larger scenario file is refused */
#define RS_SCENARIO_ERROR_BYTES 1024          /* an error buffer of this size cuts no message short */

/* ---- Random quantities ------------------------------------------------------------------------------------------- */

/* A distribution; the field that holds it says the unit (duration_ns, return_bytes, ...). Draws outside [min, max] are
 * drawn again; min >= 0 always (a negative duration does not exist). */
enum rs_dist_kind {
  RS_DIST_CONSTANT,    /* a = value */
  RS_DIST_UNIFORM,     /* a = low, b = high */
  RS_DIST_EXPONENTIAL, /* a = mean */
  RS_DIST_NORMAL,      /* a = mean, b = standard deviation */
  RS_DIST_LOGNORMAL,   /* a = median, b = sigma of the logarithm (no unit) */
  RS_DIST_PARETO,      /* a = scale (the smallest value), b = shape (no unit) */
  RS_DIST_WEIBULL,     /* a = scale, b = shape (no unit) */
};
struct rs_dist {
  enum rs_dist_kind kind;
  double a, b;
  double min, max; /* 0 and INFINITY when not given */
};

/* ---- Resources --------------------------------------------------------------------------------------------------- */

struct rs_scenario_resource { /* a custom resource */
  char *name;
  int64_t amount_e4;
};

struct rs_scenario_label {
  char *key, *value;
};

struct rs_scenario_demand { /* what one task or trial asks of a node */
  int64_t cpu_e4;
  int64_t gpu_e4; /* under 10000: a share of one device; above: whole devices */
  uint64_t memory_bytes;
  struct rs_scenario_resource *resources;
  uint32_t resource_count;
  struct rs_scenario_label *labels; /* the node must have each of these */
  uint32_t label_count;
};

/* ---- Cluster ----------------------------------------------------------------------------------------------------- */

struct rs_scenario_node_type {
  char *name;
  uint32_t line;                 /* of the element, for messages */
  uint64_t count;                /* running at the start; with a platform file RS_SCENARIO_NONE = every matching host */
  uint64_t count_min, count_max; /* the autoscaler's bounds; both = count when not autoscaled */
  int64_t cpu_e4;                /* logical CPUs, or RS_SCENARIO_FROM_HOST */
  uint32_t gpus;                 /* devices */
  uint64_t memory_bytes, object_store_bytes;
  struct rs_scenario_resource *resources;
  uint32_t resource_count;
  struct rs_scenario_label *labels;
  uint32_t label_count;
  double speed;           /* a task of duration d takes d / speed here; > 0 */
  struct rs_dist boot_ns; /* from the launch request to the node's registration */
  double price_per_hour;  /* no currency */
  char *hosts;            /* platform only: glob over host names; "*" by default */
};

struct rs_scenario_network { /* the cluster's own network; without meaning when a platform file is given */
  uint64_t nic_bytes_per_s;
  uint64_t latency_ns;      /* one way between two nodes of a rack */
  uint64_t rack_latency_ns; /* added one way between racks */
  uint64_t nodes_per_rack;  /* 0 = one rack for all, no shared uplink */
  double oversubscription;  /* uplink of a rack = nodes_per_rack x nic / oversubscription; >= 1 */
};

struct rs_scenario_cluster {
  uint32_t line;
  char *platform;  /* resolved path of a SimGrid platform file, or NULL */
  char *head_host; /* platform only: the host of the head, or NULL: the platform's first host */
  struct rs_scenario_node_type *types;
  uint32_t type_count; /* >= 1 */
  struct rs_scenario_network network;
  bool worker_start_given;        /* false: the cost file says how long a worker takes to start */
  struct rs_dist worker_start_ns; /* from WORKER_START to a worker that can run a task */
  char *costs;                    /* resolved path of the cost file, or NULL (the built-in costs) */
};

/* ---- Policies ---------------------------------------------------------------------------------------------------- */

struct rs_scenario_setting {
  char *name, *value;
  uint32_t line;
};

struct rs_scenario_policies {
  uint32_t line;
  char *placement;                     /* a name of the registry, or the resolved path of a shared library */
  bool placement_library;              /* which of the two */
  struct rs_scenario_setting *configs; /* overrides of runtime/core/config.def, in file order; later ones win */
  uint32_t config_count;
};

struct rs_scenario_autoscaler {
  bool enabled; /* <autoscaler> is there */
  uint32_t line;
  double upscaling_speed;   /* launches a round <= max(1, ceil(speed x running)) */
  uint64_t idle_timeout_ns; /* a node idle for this long is stopped */
  uint64_t max_launches;    /* requested and not yet up, all types together */
  uint64_t interval_ns;     /* between two rounds */
};

/* ---- Workload: tune ---------------------------------------------------------------------------------------------- */

enum rs_space_kind {
  RS_SPACE_UNIFORM,     /* a = low, b = high */
  RS_SPACE_QUNIFORM,    /* uniform, rounded to multiples of q */
  RS_SPACE_LOGUNIFORM,  /* a = low > 0, b = high */
  RS_SPACE_QLOGUNIFORM, /* loguniform, rounded to multiples of q */
  RS_SPACE_RANDINT,     /* integers, a <= x < b */
  RS_SPACE_LOGRANDINT,  /* integers, 1 <= a <= x < b, log-uniform */
  RS_SPACE_RANDN,       /* normal: a = mean, b = standard deviation */
  RS_SPACE_CHOICE,      /* one of values, uniformly */
  RS_SPACE_GRID,        /* every one of values; num_samples is per grid point */
};
struct rs_scenario_param {
  char *name;
  uint32_t line;
  enum rs_space_kind kind;
  double a, b, q;
  char **values;   /* choice and grid_search: as written, trimmed */
  double *numbers; /* the same as numbers, NaN for a value that is none */
  uint32_t value_count;
};

enum rs_curve_source {
  RS_CURVE_RECORDED, /* replay the curves of a table */
  RS_CURVE_MODEL,    /* draw from the model fitted to the table */
  RS_CURVE_FUNCTION, /* train the C function `function` */
};

enum rs_mode { RS_MODE_MIN, RS_MODE_MAX };

struct rs_scenario_tune {
  char **schedulers; /* each runs on its own, one after another, on the same seeds and budget */
  uint32_t scheduler_count;
  char *metric;
  enum rs_mode mode;
  uint32_t eta;          /* reduction factor, >= 2 */
  uint64_t r_min;        /* epochs of the lowest rung */
  uint64_t r_max;        /* R: epochs of a fully trained trial; >= r_min */
  uint64_t grace;        /* asha-stopping: epochs before a trial may be stopped */
  uint64_t brackets;     /* asha, asha-stopping: brackets that new trials rotate over; hyperband: 0 = as many as fit */
  uint64_t bracket_size; /* sha: configurations a bracket; 0 = eta^floor(log_eta(R/r)) */
  uint64_t num_samples;  /* trials to start (times the grid points), RS_SCENARIO_NONE = until the time budget */
  uint64_t concurrency;  /* trials at a time, RS_SCENARIO_NONE = as many as the cluster holds */
  uint64_t max_failures; /* restarts of a failed trial */
  uint64_t epochs_per_call;         /* a longer training call is cut, with a checkpoint at each cut; 0 = never */
  bool reuse_actors;                /* a trial's actor goes on with the next trial */
  uint64_t time_budget_ns;          /* RS_SCENARIO_NONE = none; simulated time in a simulation */
  struct rs_scenario_demand demand; /* of one trial */
  enum rs_curve_source source;
  char *curves;            /* recorded, model: resolved path of the table or of the fitted model */
  char *function;          /* function: its name */
  char *task;              /* recorded: only rows whose "task" column is this; NULL = all */
  struct rs_dist epoch_ns; /* time scale: duration of an epoch of a trial, drawn once a trial */
  bool epoch_by_curve;     /* times the curve's own seconds an epoch over the table's mean */
  uint64_t checkpoint_bytes;
  struct rs_scenario_param *params;
  uint32_t param_count;
};

/* ---- Workload: tasks --------------------------------------------------------------------------------------------- */

enum rs_arrival_kind {
  RS_ARRIVAL_AT_ONCE, /* all at the start */
  RS_ARRIVAL_UNIFORM, /* evenly spaced over span_ns */
  RS_ARRIVAL_POISSON, /* at rate_per_s */
  RS_ARRIVAL_RENEWAL, /* gaps drawn from gap_ns */
  RS_ARRIVAL_BURSTS,  /* `burst` at once, every span_ns */
};
struct rs_scenario_arrival {
  enum rs_arrival_kind kind;
  uint64_t span_ns;
  double rate_per_s;
  struct rs_dist gap_ns;
  uint64_t burst;
};

enum rs_graph_kind {
  RS_GRAPH_NONE,   /* independent */
  RS_GRAPH_CHAIN,  /* chains of `width` tasks: each needs the one before it */
  RS_GRAPH_FAN,    /* groups of width + 2: one, then `width` that need it, then one that needs those */
  RS_GRAPH_RANDOM, /* each needs up to `width` of the `window` tasks before it, drawn uniformly */
};

enum rs_spread_kind {
  RS_OBJECTS_SPREAD, /* object i on node i mod N */
  RS_OBJECTS_RANDOM, /* on a node drawn uniformly */
  RS_OBJECTS_DRIVER, /* on the driver's node */
};

struct rs_scenario_tasks {
  uint64_t count;   /* over all drivers */
  uint64_t drivers; /* owners that submit, task i belongs to driver i mod drivers */
  uint64_t keys;    /* distinct functions, i mod keys: each is a scheduling key of its own */
  struct rs_scenario_arrival arrival;
  struct rs_dist duration_ns;
  struct rs_scenario_demand demand;
  uint64_t group;         /* tasks in a row that share a placement group; 0 = none */
  uint8_t group_strategy; /* enum rs_group_strategy: pack, spread, strict_pack, strict_spread */
  char *topology;         /* label key within one value of which a group's bundles are, or NULL */
  bool spread_strategy;   /* strategy="spread" instead of the placement policy */
  enum rs_graph_kind graph;
  uint64_t width, window;
  struct rs_dist arg_bytes;    /* by value, in the submission */
  struct rs_dist return_bytes; /* the object that each task leaves */
  uint64_t max_retries;        /* after system failures, RS_SCENARIO_NONE = for ever */
  double fail_probability;     /* that a task ends with an application error; 0..1 */
  bool retry_exceptions;       /* those are retried too */
  uint64_t object_count;       /* a pool of objects made before the first task; 0 = none */
  struct rs_dist object_bytes;
  enum rs_spread_kind object_place;
  uint64_t objects_per_task; /* distinct arguments drawn uniformly from the pool */
  uint64_t items;            /* values that each task yields, read by the driver program; 0 = it returns */
  struct rs_dist item_bytes; /* of each of a task's items: drawn once a task */
  uint64_t backpressure;     /* a task waits while so many of its items are unread, 0 = never */
  uint64_t read_ns;          /* the program's work on an item before it asks for the next one */
};

/* ---- Workload: trace --------------------------------------------------------------------------------------------- */

enum rs_trace_field {
  RS_TRACE_ARRIVAL,  /* ns */
  RS_TRACE_DURATION, /* ns */
  RS_TRACE_CPUS,     /* 1e-4 */
  RS_TRACE_GPUS,     /* 1e-4 */
  RS_TRACE_MEMORY,   /* bytes */
  RS_TRACE_NAME,     /* text: the task's name */
  RS_TRACE_FIELDS,
};
struct rs_scenario_column {
  bool given;
  uint32_t line;
  char *name;     /* column of the header line, or NULL: the constant `value` */
  double scale;   /* a cell times this is in the field's unit above */
  bool timestamp; /* cells are dates "YYYY-MM-DD hh:mm:ss[.fraction]", UTC */
  double value;   /* in the field's unit; when name is NULL */
};
struct rs_scenario_trace {
  char *file; /* resolved; .gz allowed */
  char delimiter;
  struct rs_scenario_column columns[RS_TRACE_FIELDS]; /* ARRIVAL and DURATION are always given */
  uint64_t skip_rows;                                 /* data rows left out at the beginning */
  uint64_t max_rows;                                  /* RS_SCENARIO_NONE = all */
  double arrival_scale;  /* arrival times are multiplied by this; the first row arrives at `start` */
  double duration_scale; /* durations are multiplied by this */
  uint64_t drivers;
  uint64_t max_retries;
};

enum rs_workload_kind { RS_WORKLOAD_TUNE, RS_WORKLOAD_TASKS, RS_WORKLOAD_TRACE };

struct rs_scenario_workload {
  enum rs_workload_kind kind;
  char *name; /* unique in the scenario; "tune", "tasks-2" ... when not given */
  uint32_t line;
  uint64_t start_ns; /* all times of the workload count from here */
  union {
    struct rs_scenario_tune tune;
    struct rs_scenario_tasks tasks;
    struct rs_scenario_trace trace;
  };
};

/* ---- Faults ------------------------------------------------------------------------------------------------------ */

enum rs_fault_kind {
  RS_FAULT_NODE_DOWN,   /* nodes crash; back after down_ns if given */
  RS_FAULT_NODE_UP,     /* nodes that are down come back (at a time only) */
  RS_FAULT_WORKER_KILL, /* a busy worker process is killed */
  RS_FAULT_JOB_DROP,    /* a running task or trial's call is lost: it fails without a result */
};
struct rs_scenario_fault {
  enum rs_fault_kind kind;
  uint32_t line;
  uint64_t at_ns;             /* RS_SCENARIO_NONE: by rate */
  double rate_per_s;          /* mean events a second for EACH node, busy worker or running job; 0 = at a time */
  uint64_t from_ns, until_ns; /* by rate: only in this window; 0 and RS_SCENARIO_NONE by default */
  char *type;                 /* node type that it strikes, NULL = any but the head */
  uint64_t node;              /* at a time: index among the nodes of the type (or of all), RS_SCENARIO_NONE = drawn */
  uint64_t count;             /* at a time: how many, >= 1 */
  bool comes_back;            /* node down */
  struct rs_dist down_ns;
};

/* ---- The whole --------------------------------------------------------------------------------------------------- */

/* Several are combined: every value of each with every value of the others. A scenario that was loaded with overrides
 * of origin "sweep" (one point) has those sweeps no more. */
struct rs_scenario_sweep {
  char *path; /* as in rs_scenario_override */
  char **values;
  uint32_t value_count;
  char *label; /* name of the axis in tables and figures; the path's last part by default */
  uint32_t line;
};

struct rs_scenario_outputs {
  char *directory;             /* as written (against the working directory); "results/<name>" by default */
  bool tasks_csv;              /* a row for each task, compressed */
  uint64_t timeline_events;    /* cap of the Chrome trace, 0 = no trace */
  uint64_t timeline_nodes;     /* nodes that appear whole in it */
  uint64_t sample_interval_ns; /* between two points of utilisation and queue length */
};

struct rs_scenario {
  char *file;             /* as given to the loader */
  char *name;             /* [a-zA-Z0-9_.-]+, fit for a file name */
  char *title;            /* one line, "" when not given */
  uint64_t seed;          /* of repetition 0; repetition r has seed + r */
  uint64_t repetitions;   /* >= 1 */
  uint64_t time_limit_ns; /* the run ends here at the latest, marked as cut; RS_SCENARIO_NONE = no limit */
  struct rs_scenario_cluster cluster;
  struct rs_scenario_policies policies;
  struct rs_scenario_autoscaler autoscaler;
  struct rs_scenario_workload *workloads;
  uint32_t workload_count;   /* >= 1; they share the cluster and run side by side */
  double straggler_sd;       /* durations x (1 + |z|), z ~ N(0, sd); 0 = none */
  double straggler_fraction; /* share of the tasks (tune: of the calls) that it strikes, 0..1 */
  struct rs_scenario_fault *faults;
  uint32_t fault_count;
  struct rs_scenario_sweep *sweeps;
  uint32_t sweep_count;
  struct rs_scenario_outputs outputs;
  double compare_tolerance; /* largest relative error between simulation and reality; NaN = not given */
  bool real_given;          /* <real> is there */
  bool real;                /* it has been applied */
  bool real_spin;           /* --real: a task computes for its duration; false: it sleeps */
  double real_time_scale;   /* --real: a scenario second lasts this many real seconds; 1 when not real */
  char *xml;                /* the scenario as run: after every override, defaults filled in */
  size_t xml_bytes;
};

/* ---- Loading ----------------------------------------------------------------------------------------------------- */

/* One attribute set from outside, on the tree before validation, so that there is one validation for all.
 *   path    element names from below <scenario>, then @attribute: "@seed", "cluster/nodes/@count",
 *           "cluster/nodes[2]/@cpus" (the second), "cluster/nodes[big]/@cpus" or "[@name=big]" (the one so named).
 *           A path that fits several elements is refused; an element that is missing is made.
 *   value   as in the file
 *   origin  for messages: "--set", "--seed", "sweep" */
struct rs_scenario_override {
  const char *path, *value, *origin;
};

/* What names exist, from the registries that own them. Lists end with NULL; a NULL list accepts every name. */
struct rs_scenario_names {
  const char *const *policies;   /* placement policies */
  const char *const *schedulers; /* of tune */
  const char *const *functions;  /* of curves source="function" */
  const char *const *configs;    /* of config.def */
  /* Checks a <config> (its name is known already): 0, or not 0 and `why` says what would be right. May be NULL. */
  int (*config_check)(void *user, const char *name, const char *value, char *why, size_t why_bytes);
  void *user;
};

struct rs_scenario_options {
  bool real;                                    /* apply <real> (before the overrides) */
  const struct rs_scenario_override *overrides; /* in order: --set, --seed, then the sweep's point */
  size_t override_count;
  const struct rs_scenario_names *names; /* NULL: every name is accepted */
};

/* Reads `path`, or the `bytes` at `text` that came from a file called `path`. options may be NULL. Returns NULL on bad
 * input, with one line "file:line: what is wrong; what would be right" in error (line is left out where there is none).
 */
struct rs_scenario *rs_scenario_load(const char *path, const struct rs_scenario_options *options, char *error,
                                     size_t error_bytes);
struct rs_scenario *rs_scenario_parse(const char *text, size_t bytes, const char *path,
                                      const struct rs_scenario_options *options, char *error, size_t error_bytes);
void rs_scenario_free(struct rs_scenario *scenario); /* NULL is allowed */

/* Splits "PATH=VALUE" in place into an override (the first '=' outside brackets separates); false: not of that form. */
bool rs_scenario_override_split(char *text, struct rs_scenario_override *out);

/* Points of the sweeps: the product of their value counts, 1 without a sweep. Point `index` gives one override for each
 * sweep (sweep_count of them in out; the strings are the scenario's). The last sweep varies fastest. */
uint64_t rs_scenario_points(const struct rs_scenario *scenario);
void rs_scenario_point(const struct rs_scenario *scenario, uint64_t index, struct rs_scenario_override *out);

/* The schema that the library was built with: RELAX NG text (XML syntax), 0-terminated. */
const char *rs_scenario_schema(size_t *bytes);

/* "FILE:LINE" of an element, for messages; "FILE (--set)" of one that an override made, which has no line. */
#define RS_SCENARIO_PLACE_BYTES 400
const char *rs_scenario_place(const struct rs_scenario *scenario, uint32_t line, char out[RS_SCENARIO_PLACE_BYTES]);

#endif
