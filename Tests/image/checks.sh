# The checks of docker/check-image, in the order in which they build on each other. Sourced, not run.

# What the image says of itself.
check_configuration() {
    local user entry command stop health
    user=$("$engine" image inspect -f '{{.Config.User}}' "$tag")
    entry=$("$engine" image inspect -f '{{json .Config.Entrypoint}}' "$tag")
    command=$("$engine" image inspect -f '{{json .Config.Cmd}}' "$tag")
    stop=$("$engine" image inspect -f '{{.Config.StopSignal}}' "$tag")
    health=$("$engine" image inspect "$tag" | tr -d '\n' | grep -o '"status", *"--health"' || true)
    [[ $user =~ ^[1-9][0-9]*(:[1-9][0-9]*)?$ ]] && report 0 "the user is a number, and not root" "$user" \
        || report 1 "the user is a number, and not root" "${user:-none}"
    expect "the entry point is the program, without a shell" '["/usr/local/bin/afterthought"]' "$entry"
    expect "the command is worker" '["worker"]' "$command"
    expect "the stop signal is SIGTERM" SIGTERM "${stop/#15/SIGTERM}"
    [ -n "$health" ] && report 0 "the image has a health check" "afterthought status --health" \
        || report 1 "the image has a health check" "none (built in a format without?)"
}

check_size() {
    local all base="" own
    all=$("$engine" image inspect -f '{{.Size}}' "$tag")
    own=$("$engine" run --rm --network none --entrypoint /usr/bin/stat "${limits[@]}" "$tag" -c '%n %s' \
        /usr/local/bin/afterthought /usr/local/libexec/swift-backtrace |
        awk '{ printf "%s%s %.1f MB", sep, $1, $2 / 1e6; sep = ", " }')
    if base=$("$engine" image inspect -f '{{.Size}}' docker.io/library/debian:bookworm-slim 2>/dev/null); then
        local added=$((all - base))
        # What the product adds to its base; the base is Debian's.
        [ "$added" -lt 100000000 ] && report 0 "the image adds less than 100 MB to its base" \
            "$(megabytes "$added") to $(megabytes "$base"), $(megabytes "$all") in all; $own" \
            || report 1 "the image adds less than 100 MB to its base" "$(megabytes "$added"); $own"
    else
        say "size  $(megabytes "$all") in all; $own"
    fi
    local libraries packages
    libraries=$("$engine" run --rm --network none --entrypoint /usr/bin/ldd "${limits[@]}" "$tag" \
        /usr/local/bin/afterthought) || true
    packages=$("$engine" run --rm --network none --entrypoint /bin/cat "${limits[@]}" "$tag" \
        /usr/local/share/afterthought/packages) || true
    [[ $libraries == *libpq.so* && $libraries != *"not found"* ]] &&
        report 0 "every library is there" "$(wc -l <<<"$libraries") of them, from: $packages" ||
        report 1 "every library is there" "$libraries"
}

megabytes() { awk "BEGIN { printf \"%.1f MB\", $1 / 1e6 }"; }

check_commands() {
    local status=0
    once owner_url version || status=$?
    expect "version ends well" 0 "$status"
    [[ $output == afterthought\ * ]] && report 0 "version tells itself" "$output" \
        || report 1 "version tells itself" "$output"
    status=0
    once owner_url --help || status=$?
    [ "$status" = 0 ] && [[ $output == *"Usage: afterthought"* ]] && report 0 "--help shows the commands" \
        "$(grep -c '^  [a-z]' <<<"$output") of them" || report 1 "--help shows the commands" "status $status"
    status=0
    once owner_url demo || status=$?
    [ "$status" = 69 ] && [[ $output == *"--database-url"* ]] &&
        report 0 "demo without a server says what to give it" "status 69, $(tail -1 <<<"$output")" ||
        report 1 "demo without a server says what to give it" "status $status, $output"
}

check_migrate() {
    local status=0
    once worker_url status --health || status=$?
    expect "before the migration the health is 69" 69 "$status"
    status=0
    once owner_url migrate --roles || status=$?
    [ "$status" = 0 ] && report 0 "migrate takes an empty database, its URL from a file" \
        "$(grep -c '^applied' <<<"$output") migrations" ||
        report 1 "migrate takes an empty database, its URL from a file" "status $status, $output"
    once owner_url migrate || status=$?
    [ "$status" = 0 ] && [[ $output == "nothing to apply"* ]] && report 0 "a second migrate does nothing" "$output" ||
        report 1 "a second migrate does nothing" "status $status, $output"
    status=0
    once worker_url status --health || status=$?
    expect "without a worker the health is 1" 1 "$status"
}

# The password from a file of libpq's own, which has to be its user's alone.
check_password_file() {
    local status=0 pass=$work/secrets/pgpass
    if [ "$(id -u)" != 0 ]; then
        say "skip  PGPASSFILE: only root can make a file of another user"
        return
    fi
    echo "postgresql://postgres@127.0.0.1:$port/chat" >"$work/secrets/bare_url"
    (umask 077 && echo "127.0.0.1:$port:*:postgres:$(cat "$work/secrets/postgres_password")" >"$pass")
    chown 10001 "$pass"
    once bare_url migrate --dry-run || status=$?
    expect "without its password the database lets nobody in" 69 "$status"
    status=0
    extra=(-v "$pass:/run/secrets/pgpass:ro" -e PGPASSFILE=/run/secrets/pgpass)
    once bare_url migrate --dry-run || status=$?
    extra=()
    expect "PGPASSFILE gives it" 0 "$status"
}

check_worker_starts() {
    start_box worker worker_url
    if wait_until inside worker status --health; then
        report 0 "the worker becomes healthy against an empty database" "${waited} s: $output"
    else
        report 1 "the worker becomes healthy against an empty database" "$output; $(box_log worker | tail -3)"
    fi
    local by=${engine#quiet_}
    wait_until engine_finds_well worker && report 0 "the engine's own health check agrees" "$by, $waited s" ||
        report 1 "the engine's own health check agrees" "$by: unhealthy for $waited s"
    local slowest=0 started took
    for _ in 1 2 3 4 5; do
        started=$EPOCHREALTIME
        inside worker status --health || true
        took=$(since "$started")
        slowest=$(awk "BEGIN { print ($took > $slowest) ? $took : $slowest }")
    done
    awk "BEGIN { exit !($slowest < 1) }" && report 0 "a health check takes less than 1 s" \
        "the slowest of 5 took $slowest s, the engine's exec included" ||
        report 1 "a health check takes less than 1 s" "$slowest s"
}

# How the process is confined, as the kernel tells it.
check_confinement() {
    local field status=/proc/$box_pid/status
    expect "the worker is process 1" 1 "$(awk '/^NSpid/ { print $NF }' "$status")"
    expect "it is the program itself" afterthought "$(awk '/^Name/ { print $2 }' "$status")"
    expect "it runs as a user without a name" 10001 "$(awk '/^Uid/ { print $2 }' "$status")"
    expect "it has no capability" 0000000000000000 "$(awk '/^CapEff/ { print $2 }' "$status")"
    expect "it can gain no privilege" 1 "$(awk '/^NoNewPrivs/ { print $2 }' "$status")"
    expect "system calls are filtered" 2 "$(awk '/^Seccomp:/ { print $2 }' "$status")"
    field=$(awk '$5 == "/" { print $6 }' "/proc/$box_pid/mountinfo")
    expect "the root is read-only" ro "${field%%,*}"
    say "      $(awk '/^VmRSS/ { printf "resident %s kB", $2 } /^Threads/ { printf ", %s threads", $2 }' "$status")"
}

check_sample() {
    local status=0 started=$EPOCHREALTIME options
    # The sample of the source tree, brought in through the image as a user would bring a file.
    mapfile -t options < <(run_options owner_url --rm -v "$PWD/Sources/CAssets/sample:/sample:ro")
    output=$("$engine" run "${options[@]}" "$tag" import /sample/byu_chitchat_sample.csv --shift-to-now \
        --rejects /tmp/rejects.csv 2>&1) || status=$?
    expect "the sample is imported" "5,210 loaded" "$(grep -o '[0-9,]* loaded' <<<"$output" || echo "$output")"
    if wait_until sample_is_processed; then
        report 0 "the running worker processes the sample" \
            "64 pairs fresh, nothing unprocessed or quarantined, $(since "$started") s after the import began"
    else
        report 1 "the running worker processes the sample" "$(box_log worker | tail -3)"
    fi
}

sample_is_processed() {
    local rows="select count(*) from afterthought.strategic_rows where expires_at > now() and stale_reason is null"
    [ "$(sql chat "$rows" "select count(*) from afterthought.quarantine" | paste -sd,)" = 64,0 ] &&
        inside worker status --json && [[ $output == *'"unprocessed":0,'* ]]
}

# The bot of compose.yaml, with its own login.
check_demo_bot() {
    local status=0
    output=$(PGHOST=127.0.0.1 PGPORT=$port PGUSER=bot PGDATABASE=chat PGPASSWORD_FILE=$work/secrets/bot_password \
        TMPDIR=$work BOT_ROUNDS=3 BOT_SECONDS=0 docker/demo-bot/bot.sh 2>&1) || status=$?
    [ "$status" = 0 ] && [ "$(grep -c '^prompt: ' <<<"$output")" = 3 ] &&
        report 0 "the demo bot stores and reads with its own grants" "3 turns; $(grep -m1 '^cache' <<<"$output")" ||
        report 1 "the demo bot stores and reads with its own grants" "status $status, $(tail -2 <<<"$output")"
    if wait_until bot_is_known; then
        report 0 "what the bot stored comes back" "$waited s later: $output"
    else
        report 1 "what the bot stored comes back" "$output"
    fi
}

bot_is_known() {
    output=$(sql chat "select freshness || ', ' || coalesce(messages_reflected, 0) || ' messages'
        from afterthought.read_strategic('demo-user', 'demo-bot')")
    [ "$output" = "fresh, 6 messages" ]
}

# An orphan of the container becomes process 1's child.
check_orphans() {
    nsenter --target "$box_pid" --pid -- sh -c '(sleep 0.1 &) ; (sleep 0.1 &)'
    if wait_until no_child_is_left; then
        report 0 "orphans are buried by process 1" "no zombie after $waited s"
    else
        report 1 "orphans are buried by process 1" "$(ps --ppid "$box_pid" -o stat=,comm= | paste -sd,)"
    fi
}

no_child_is_left() {
    # The orphans have ended, one way or the other, when nothing sleeps below process 1 any more.
    [ -z "$(ps --ppid "$box_pid" -o pid=)" ]
}

check_outage() {
    local status=0
    stop_server
    inside worker status --health || status=$?
    expect "without the database the health is 69" 69 "$status"
    status=0
    inside worker status --alive || status=$?
    expect "and the worker is alive all the same" 0 "$status"
    start_server
    if wait_until inside worker status --health; then
        report 0 "when the database is back, the worker is well again" "$waited s: $output"
    else
        report 1 "when the database is back, the worker is well again" "$output"
    fi
}

check_stop() {
    local started=$EPOCHREALTIME took code
    "$engine" stop -t "$stop_seconds_max" "$work_name-worker" >/dev/null
    took=$(since "$started")
    code=$("$engine" inspect -f '{{.State.ExitCode}}' "$work_name-worker")
    [ "$code" = 0 ] && awk "BEGIN { exit !($took <= $stop_seconds_max) }" &&
        report 0 "SIGTERM stops process 1 within $stop_seconds_max s" "status $code after $took s" ||
        report 1 "SIGTERM stops process 1 within $stop_seconds_max s" "status $code after $took s"
    expect "it says so" "afterthought: stopped" "$(box_log worker | tail -1)"
    expect "its leases are given back" 0,0 "$(sql chat 'select count(*) from afterthought.worker_leases' \
        'select count(owner) from afterthought.shard_progress' | paste -sd,)"
}

# A crash as it happens: the processor meets an instruction it does not know, where a thread comes back from poll(2).
check_crash() {
    start_box crash worker_url worker --cycle-seconds 0.5 --no-jobs
    if ! wait_until inside crash status --health; then
        report 1 "a crash prints a backtrace" "the worker did not become healthy: $output"
        return
    fi
    local pid=$box_pid place started=$EPOCHREALTIME log frames
    if ! wait_until thread_in_poll "$pid"; then
        report 1 "a crash prints a backtrace" "no thread was seen in poll"
        return
    fi
    place=$output
    printf '\x0f\x0b' | dd of="/proc/$pid/mem" bs=1 seek="$((place))" conv=notrunc status=none
    if wait_until has_ended crash; then
        log=$(box_log crash)
        frames=$(grep -Ec '^ *[0-9]+ .*[a-z]\(.* in afterthought$' <<<"$log" || true)
        [[ $log == *"Program crashed: Illegal instruction"* ]] && [ "$frames" -gt 3 ] && [[ $log != *failed* ]] &&
            report 0 "a crash prints a backtrace with functions" "$frames of our functions by name, \
status $("$engine" inspect -f '{{.State.ExitCode}}' "$work_name-crash"), $(since "$started") s after it" ||
            report 1 "a crash prints a backtrace with functions" "$(tail -20 <<<"$log")"
        [[ $log == *Registers* || $log == *"rax 0x"* ]] &&
            report 1 "and no registers, which may point to content" "some" ||
            report 0 "and no registers, which may point to content" "none"
        [ -z "$keep" ] || printf '%s\n' "$log" >"$work/crash.log"
    else
        report 1 "a crash ends process 1" "it still runs after $waited s"
    fi
}

# PID: sets $output to the instruction after the system call of a thread that waits in poll (7) or ppoll (271).
thread_in_poll() {
    local call
    for call in /proc/"$1"/task/*/syscall; do
        output=$(awk '$1 == 7 || $1 == 271 { print $NF }' "$call" 2>/dev/null) || true
        [ -n "$output" ] && return 0
    done
    return 1
}

has_ended() { [ "$("$engine" inspect -f '{{.State.Running}}' "$work_name-$1")" = false ]; }

check_demo() {
    local status=0
    once demo_url demo --configured || status=$?
    [ "$status" = 0 ] && [[ $output == *"processed 5,210 messages of 64 pairs"* ]] &&
        report 0 "demo works in a database that is named" "$(grep -m1 processed <<<"$output")" ||
        report 1 "demo works in a database that is named" "status $status, $(tail -3 <<<"$output")"
    status=0
    once worker_url demo --configured || status=$?
    expect "demo refuses a database with messages of its own" 65 "$status"
}
