# local_model_venv.sh: Python environments made once and reused. Sourced by tools/local_model and tests/sdk/setup.
# The caller defines say() and die().

# need_packages COMMAND-TO-TRY PACKAGE...: installs Debian packages when the trial command fails.
need_packages() {
    local trial=$1 sudo=
    shift
    eval "$trial" >/dev/null 2>&1 && return 0
    command -v apt-get >/dev/null || die "please install: $*"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "please install as root: apt-get install $*"
        sudo=sudo
    fi
    say "installing: $*"
    local -a options=(-qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install "$@" >/dev/null 2>&1 ||
        { $sudo apt-get -qq -o DPkg::Lock::Timeout=300 update &&
            $sudo env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install "$@" >/dev/null; } ||
        die "apt-get could not install: $*"
    eval "$trial" >/dev/null 2>&1 || die "still not usable after installing $*: $trial"
}

# need_python: a Python with the venv module; Debian packages the latter apart. Prints nothing.
need_python() {
    need_packages "${PYTHON:-python3} -c 'import ensurepip, sys, venv; assert sys.version_info >= (3, 10)'" \
        python3 python3-venv
}

# venv_stamp REQUIREMENTS: what an environment was made from. It is written into the environment when that is
# complete, so an interrupted run is made anew, and so is one whose pins or Python have changed.
venv_stamp() {
    "${PYTHON:-python3}" -c 'import sys; print(sys.version, sys.prefix)'
    cat "$1"
}

# make_venv FOLDER REQUIREMENTS [PIP-OPTION...]: an environment with exactly these requirements.
make_venv() {
    local folder=$1 requirements=$2
    shift 2
    need_python
    [ "$(cat "$folder/stamp" 2>/dev/null)" = "$(venv_stamp "$requirements")" ] && return 0
    say "setting up $folder from $requirements"
    "${PYTHON:-python3}" -m venv --clear "$folder" || die "cannot make a Python environment in $folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        "$@" -r "$requirements" || return 1
    venv_stamp "$requirements" >"$folder/stamp"
}
