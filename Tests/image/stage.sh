# The stage of docker/check-image: the engine, the image, the database, and how a container is run. Sourced, not run.

tag=${IMAGE:-afterthought-container:check}
stop_seconds_max=10
wait_seconds_max=180

say() { printf '%s\n' "$*"; }
fail_setup() {
    say "check-image: $1" >&2
    say "hint: $2" >&2
    exit 69
}

# podman has systemd time its health checks; where that does not run it says so on every call. Here they are run when
# they are looked at.
quiet_podman() { podman --log-level=fatal "$@"; }

# Chooses who runs containers: docker if its engine answers, else podman.
find_engine() {
    engine=
    if docker info >/dev/null 2>&1; then
        engine=docker
    elif command -v podman >/dev/null; then
        engine=quiet_podman
    elif [ -n "${IMAGE_BUILDER:-}${IMAGE:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends podman crun >/dev/null
        engine=quiet_podman
    fi
    [ -n "$engine" ] || fail_setup "expected docker or podman to build and run the image, got: neither" \
        "apt-get install podman crun buildah; or give IMAGE_BUILDER a program that builds docker/Dockerfile"
}

# Where the kernel's first and second control groups are mixed, crun refuses to run: look at the second alone, in a
# mount namespace of our own.
enter_plain_cgroups() {
    limits=()
    if [ "$engine" != quiet_podman ]; then return; fi
    limits=(--read-only-tmpfs=false --cgroups=disabled --ulimit nofile=4096:4096 --ulimit nproc=4096:4096)
    if [ -n "${CHECK_IMAGE_INSIDE:-}" ] || ! grep -q ' /sys/fs/cgroup/[^ ]* cgroup ' /proc/mounts; then return; fi
    CHECK_IMAGE_INSIDE=1 exec unshare --mount -- sh -c \
        'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh docker/check-image "$@"
}

make_image() {
    work=$(mktemp -d)
    chmod 755 "$work"
    passed=0 failed=0
    [ -z "${IMAGE:-}" ] || return 0
    local started=$SECONDS
    # The other format knows no health check.
    export BUILDAH_FORMAT=docker
    if [ -n "${IMAGE_BUILDER:-}" ]; then
        "$IMAGE_BUILDER" --tag "$tag" >"$work/build.log" 2>&1 || build_failed
    else
        "$engine" build -q -f docker/Dockerfile -t "$tag" . >"$work/build.log" 2>&1 || build_failed
    fi
    report 0 "the image is built by ${IMAGE_BUILDER:-${engine#quiet_}}" "$((SECONDS - started)) s"
}

build_failed() {
    tail -30 "$work/build.log" >&2
    fail_setup "expected the image to build, got: the errors above" "see $work/build.log"
}

# A throwaway server on a free loopback port, with passwords and the logins of compose.yaml.
start_database() {
    local folder found=
    for folder in /usr/lib/postgresql/*/bin; do [ -x "$folder/initdb" ] && found=$folder; done
    [ -n "$found" ] || fail_setup "expected a PostgreSQL server on this machine, got: none" "make deps"
    server=$found
    data=$work/data socket=$work/socket
    owner=()
    mkdir -p "$data" "$socket"
    if [ "$(id -u)" = 0 ]; then
        chown postgres "$data" "$socket"
        owner=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
    fi
    port=$(free_port)
    SECRETS_HOST=127.0.0.1:$port docker/make-secrets "$work/secrets" >/dev/null
    chmod 755 "$work/secrets"
    (
        cd /
        "${owner[@]}" "$server/initdb" -D "$data" -U postgres -E UTF8 --locale=C --auth=scram-sha-256 \
            --auth-local=trust --pwfile="$work/secrets/postgres_password" >/dev/null
    )
    start_server
    sql postgres "create database chat"
    SECRETS=$work/secrets POSTGRES_USER=postgres POSTGRES_DB=chat PGHOST=$socket PGPORT=$port \
        docker/postgres/10-users.sh
}

free_port() {
    local candidate
    for candidate in $(shuf -i 20000-32000 -n 20); do
        (: </dev/tcp/127.0.0.1/"$candidate") 2>/dev/null || { echo "$candidate"; return; }
    done
    fail_setup "expected a free port, got: none" "try again"
}

start_server() {
    (
        cd /
        "${owner[@]}" "$server/pg_ctl" -D "$data" -w -t 60 -l "$socket/log" start \
            -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$socket -c fsync=off" >/dev/null
    )
}

stop_server() {
    (cd / && "${owner[@]}" "$server/pg_ctl" -D "$data" -w -m fast stop >/dev/null)
}

# DATABASE STATEMENT …: what the statements give, unaligned.
sql() {
    local database=$1
    shift
    local arguments=()
    for statement in "$@"; do arguments+=(-c "$statement"); done
    psql -XqAt -v ON_ERROR_STOP=1 -h "$socket" -p "$port" -U postgres -d "$database" "${arguments[@]}"
}

# More arguments of `run`, for one check.
extra=()

# How every container is run: NAME of a URL's secret, then more arguments of `run`.
run_options() {
    local url=$1
    shift
    printf '%s\n' --network host --read-only --tmpfs /tmp:size=16m --cap-drop ALL \
        --security-opt no-new-privileges "${limits[@]}" \
        -v "$work/secrets/$url:/run/secrets/database_url:ro" \
        -e AFTERTHOUGHT_DATABASE_URL_FILE=/run/secrets/database_url "${extra[@]}" "$@"
}

# URL COMMAND …: runs a command of the image to its end; its output is in $output, its status the function's.
once() {
    local url=$1 options
    shift
    mapfile -t options < <(run_options "$url" --rm)
    local status=0
    output=$("$engine" run "${options[@]}" "$tag" "$@" 2>&1) || status=$?
    return $status
}

# NAME URL COMMAND …: starts a container; no command gives the image's own.
start_box() {
    local name=$1 url=$2 options
    shift 2
    "$engine" rm -f "$work_name-$name" >/dev/null 2>&1 || true
    mapfile -t options < <(run_options "$url" -d --name "$work_name-$name")
    "$engine" run "${options[@]}" "$tag" "$@" >/dev/null
    box_pid=$("$engine" inspect -f '{{.State.Pid}}' "$work_name-$name")
}

# NAME COMMAND …: runs the program once more inside a running container.
inside() {
    local name=$1 status=0
    shift
    output=$("$engine" exec "$work_name-$name" /usr/local/bin/afterthought "$@" 2>&1) || status=$?
    return $status
}

# NAME: whether the image's own health check, run by the engine, says that the container is well.
engine_finds_well() {
    if [ "$engine" = quiet_podman ]; then
        podman healthcheck run "$work_name-$1" >/dev/null 2>&1
    else
        [ "$("$engine" inspect -f '{{.State.Health.Status}}' "$work_name-$1")" = healthy ]
    fi
}

box_log() { "$engine" logs "$work_name-$1" 2>&1; }

# COMMAND …: repeats until it succeeds; fails after $wait_seconds_max. Sets $waited.
wait_until() {
    local started=$EPOCHREALTIME
    while true; do
        if "$@"; then
            waited=$(since "$started")
            return 0
        fi
        waited=$(since "$started")
        if awk "BEGIN { exit !($waited > $wait_seconds_max) }"; then return 1; fi
        sleep 0.2
    done
}

since() { awk "BEGIN { printf \"%.2f\", $EPOCHREALTIME - $1 }"; }

# STATUS TEXT FIGURES: counts and prints one check.
report() {
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
        say "PASS  $2: $3"
    else
        failed=$((failed + 1))
        say "FAIL  $2: $3"
    fi
}

# TEXT WANTED GOT
expect() {
    if [ "$2" = "$3" ]; then report 0 "$1" "$3"; else report 1 "$1" "expected $2, got: ${3:-nothing}"; fi
}

work_name=afterthought-check-$$

clean_up() {
    local status=$?
    for name in worker crash; do "$engine" rm -f "$work_name-$name" >/dev/null 2>&1 || true; done
    [ -z "${server:-}" ] || stop_server >/dev/null 2>&1 || true
    if [ -n "$keep" ]; then say "kept: $work"; else rm -rf "${work:?}"; fi
    exit "$status"
}

summary() {
    say "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}
