# shellcheck shell=bash
# What the commands of this folder share; it is sourced. A release is a folder state/releases/<time>-<version> with its
# image's name, its own compose.yaml and desk.env, and the log of each stage that was run for it.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
state=${DESK_STATE:-$here/state}
settings=${DESK_SETTINGS:-$here/desk.env}
wait_seconds=${DESK_WAIT:-180}  # for a container to be healthy
attempts=${DESK_ATTEMPTS:-90}   # looks at a started program before it is given up
pause=${DESK_PAUSE:-2}          # seconds between two looks
in_row=${DESK_IN_ROW:-3}        # good looks in a row that are believed
once_name=desk-once

# --help: the comment at the head of the command.
usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
    exit "$1"
}

# To whoever called, also while the output of a stage goes into its log.
exec 7>&2
say() { printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" | tee -a "$state/deploy.log" >&7; }

stop_with() {
    local status=$1
    shift
    say "$*"
    decided=yes
    exit "$status"
}

# From here on no status but a decided one: 1 would say that the old release runs.
guard() {
    decided=
    trap '[ -n "$decided" ] || undecided $?' EXIT
    trap 'exit 130' INT TERM HUP
}

undecided() {
    say "It ended in the middle (status $1); run it again."
    if [ -e "$state/switching" ]; then exit 2; fi
    exit "${undecided_status:-3}"
}

# One at a time, until the last process of this command has ended: whoever it was killed above goes on holding the lock.
lock() {
    mkdir -p "$state/releases"
    chmod 700 "$state"
    exec 9>>"$state/lock"
    flock --nonblock 9 || stop_with 75 "Another deploy, rollback or restore is at work ($state/lock); nothing was done."
}

lock_data() {
    exec 8>>"$state/data.lock"
    flock --nonblock 8 || stop_with 75 "Another backup, restore or drill is at work ($state/data.lock); nothing was done."
}

# --- releases -----------------------------------------------------------------------------------

release_at() {
    [ -e "$state/$1" ] || return 1
    readlink -f "$state/$1"
}
field() { sed -n "s/^$2=//p" "$1/release"; }
point() {
    ln -s "releases/$(basename "$2")" "$state/.$1.new"
    mv -T "$state/.$1.new" "$state/$1"
}

# The release that runs, for commands that need one.
running_release() {
    release_at current || stop_with 3 "No release runs here: deploy one first."
}

event() {
    printf '{"at":"%s","event":"%s","release":"%s","image":"%s"}\n' "$(date -u +%FT%TZ)" "$1" "$(basename "$2")" \
        "$(field "$2" IMAGE)" >>"$state/releases.jsonl"
}

# --- docker -------------------------------------------------------------------------------------

# Compose with a release's own image, file and settings.
dc() {
    local release=$1
    shift
    DESK_IMAGE=$(field "$release" IMAGE) RELEASE_SETTINGS="$release/desk.env" docker compose --project-directory "$here" \
        --env-file "$release/desk.env" --file "$release/compose.yaml" "$@"
}

# The services that are switched from release to release, in their order.
desk_services() {
    dc "$1" config --services | grep '^web-' | sort
    printf '%s\n' signer worker bot
}

# A command in a container that goes away after it; one that a killed run left behind goes first.
once() {
    local release=$1
    shift
    docker rm --force "$once_name" >/dev/null 2>&1 || true
    dc "$release" run --rm --no-deps -T --name "$once_name" tools "$@"
}

# Run one step; what it says is kept beside the release, and its end is shown when it fails.
stage() {
    local name=$1 status=0
    shift
    say "  $name"
    "$@" >>"$log/$name.log" 2>&1 </dev/null || status=$?
    [ $status -eq 0 ] && return
    say "  $name failed with status $status; the end of $log/$name.log:"
    tail -n 8 "$log/$name.log" | sed 's/^/      /' | tee -a "$state/deploy.log" >&7
    return 1
}

pull() {
    docker image inspect "$1" >/dev/null 2>&1 || docker pull --quiet "$1"
}

# --- switching ----------------------------------------------------------------------------------

up() { dc "$1" up --detach --no-deps --wait --wait-timeout "$wait_seconds" "$2"; }

# Good answers in a row, from the wanted version: another's do not count.
answers() {
    local release=$1 service=$2 what=$3 wanted=$4 good=0 try said
    for ((try = 1; try <= attempts; try++)); do
        if said=$(dc "$release" exec -T "$service" python -m trading.probe "$what" 2>&1) && [ "$said" = "$wanted" ]; then
            good=$((good + 1))
            if [ $good -ge "$in_row" ]; then return 0; fi
        else
            good=0
            echo "look $try: $said (wanted: $wanted)"
        fi
        sleep "$pause"
    done
    return 1
}

containers() {
    local services
    mapfile -t services < <(desk_services "$1")
    dc "$1" ps --all --quiet "${services[@]}" | sort | xargs --no-run-if-empty docker inspect --format \
        '{{.Name}} {{.Config.Image}} {{.State.Status}} restarts={{.RestartCount}} exit={{.State.ExitCode}} oom={{.State.OOMKilled}}'
}

# Everything runs, of this image, and nothing was started again between two looks.
steady() {
    local image before after
    image=$(field "$1" IMAGE)
    before=$(containers "$1")
    sleep "$pause"
    after=$(containers "$1")
    echo "$after"
    if [ -z "$after" ] || grep -vF " $image running " <<<"$after"; then return 1; fi
    [ "$before" = "$after" ]
}

# Bring a release up: web by web, then who works, then the bot (the old one ends before the new one begins).
switch() {
    local release=$1 prefix=$2 version service services first
    version=$(field "$release" VERSION)
    mapfile -t services < <(desk_services "$release")
    first=${services[0]}
    for service in "${services[@]}"; do
        stage "$prefix$service" up "$release" "$service" || return 1
        if [[ $service == web-* ]]; then
            stage "$prefix$service-answers" answers "$release" "$service" web "$version" || return 1
        fi
    done
    stage "${prefix}proxy" dc "$release" up --detach --no-deps --no-recreate --wait --wait-timeout "$wait_seconds" proxy || return 1
    stage "${prefix}desk" answers "$release" "$first" desk "$version" || return 1
    stage "${prefix}pages" answers "$release" "$first" pages ok || return 1
    stage "${prefix}steady" steady "$release"
}

take_down() {
    local services
    mapfile -t services < <(desk_services "$1")
    dc "$1" stop "${services[@]}"
}

keep_logs() {
    local services
    mapfile -t services < <(desk_services "$1")
    containers "$1" >"$log/containers.txt" 2>&1 || true
    dc "$1" logs --no-color --tail 500 "${services[@]}" >"$log/containers.log" 2>&1 || true
}

# A deploy that was killed while it switched left a mixture: first what ran before it comes back.
converge() {
    local interrupted current
    interrupted=$(release_at switching) || return 0
    log=$interrupted
    say "A deploy of $(basename "$interrupted") was interrupted while it switched."
    event interrupted "$interrupted"
    if current=$(release_at current); then
        say "Bringing $(basename "$current") back first."
        if switch "$current" converge-; then
            say "$(basename "$current") is back."
        else
            say "$(basename "$current") does not come up; going on."
        fi
    else
        stage take-down take_down "$interrupted" || say "What it had started could not be stopped; going on."
    fi
    rm "$state/switching"
}

# Switch to a release, and back to what ran before when it does not come up. Ends the command:
# 0 it runs, 1 the old one runs, 2 neither does.
carry() {
    local release=$1 old
    old=$(release_at current) || old=
    point switching "$release"
    if switch "$release" ""; then
        if [ -n "$old" ]; then point previous "$old"; fi
        point current "$release"
        rm "$state/switching"
        event ok "$release"
        say "$(basename "$release") runs."
        return 0
    fi
    keep_logs "$release"
    say "$(basename "$release") does not come up; what it said is in $log/containers.log."
    if [ -z "$old" ]; then
        stage take-down take_down "$release" || say "What it had started could not be stopped."
        rm "$state/switching"
        event failed "$release"
        stop_with 2 "There is no earlier release to go back to: nothing runs. A person is needed."
    fi
    if switch "$old" back-; then
        rm "$state/switching"
        event rolled-back "$release"
        stop_with 1 "Rolled back: $(basename "$old") runs."
    fi
    event rollback-failed "$release"
    stop_with 2 "ROLLBACK FAILED: $(basename "$old") does not come up either. A person is needed."
}
