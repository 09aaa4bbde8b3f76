#!/bin/sh
# Keeps the function alive where the extension cannot run: registers, and waits for the end.
# Registered for SHUTDOWN alone, so no invocation ever waits for it. Needs bash or curl.

if [ -z "$BASH_VERSION" ] && command -v bash >/dev/null; then
    exec bash "$0" "$@"
fi

say() {
    printf '{"extension": "lambda-dispatch", "level": "ERROR", "message": "switched off", "cause": "%s"}\n' "$1"
}

# METHOD PATH HEADER BODY: prints the whole answer, headers and body.
exchange() {
    if [ -n "$BASH_VERSION" ]; then
        exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API##*:}" || return
        printf '%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' \
            "$1" "$2" "$AWS_LAMBDA_RUNTIME_API" "$3" "${#4}" "$4" >&3
        while IFS= read -r line <&3 || [ -n "$line" ]; do printf '%s\n' "$line"; done
    else
        curl --silent --include --noproxy '*' --request "$1" --header "$3" ${4:+--data "$4"} \
            "http://$AWS_LAMBDA_RUNTIME_API$2"
    fi
}

say "$1"
if [ -z "$BASH_VERSION" ] && ! command -v curl >/dev/null; then
    say "neither bash nor curl: nothing here can register"
    exit 1
fi
answer=$(exchange POST /2020-01-01/extension/register \
    'Lambda-Extension-Name: lambda-dispatch' '{"events":["SHUTDOWN"]}')
identifier=${answer#*[Ll]ambda-[Ee]xtension-[Ii]dentifier: }
identifier=${identifier%%[!0-9A-Za-z-]*}
while :; do
    case $(exchange GET /2020-01-01/extension/event/next "Lambda-Extension-Identifier: $identifier") in
    *'"SHUTDOWN"'*) exit 0 ;;
    *eventType*) ;;
    *) sleep 1 || exit 1 ;; # refused, or nobody there: not in a tight loop
    esac
done
