/*
 * weir: looks up the command and returns its status. Everything else stands in cmd/.
 */
#include <signal.h>

#include "cmd/cmd.h"
#include "core/log.h"

int main(int argc, char **argv)
{
    struct log log;

    /* A peer or a pager that went away is an error of that write, not the end of the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    log_init(&log, LOG_INFO, false);
    return cmd_main(argc, (const char *const *)argv, &log);
}
