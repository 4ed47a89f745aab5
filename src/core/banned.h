#ifndef CORE_BANNED_H
#define CORE_BANNED_H

/*
 * Force-included into every source of weir: functions that have caused enough damage elsewhere
 * become undefined names here. Standard headers come first, so that their own declarations live.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(func) sorry_##func##_is_banned_see_core_banned_h

#undef strcpy
#define strcpy(...) BANNED(strcpy)
#undef strcat
#define strcat(...) BANNED(strcat)
#undef strncpy
#define strncpy(...) BANNED(strncpy)
#undef strncat
#define strncat(...) BANNED(strncat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef strtok
#define strtok(...) BANNED(strtok)
#undef atoi
#define atoi(...) BANNED(atoi)
#undef atol
#define atol(...) BANNED(atol)
#undef atof
#define atof(...) BANNED(atof)
#undef gmtime
#define gmtime(...) BANNED(gmtime)
#undef localtime
#define localtime(...) BANNED(localtime)
#undef ctime
#define ctime(...) BANNED(ctime)
#undef asctime
#define asctime(...) BANNED(asctime)
#undef rand
#define rand(...) BANNED(rand)
#undef system
#define system(...) BANNED(system)
#undef alloca
#define alloca(...) BANNED(alloca)

#ifndef WEIR_RAW_MEMORY /* core/ and third-party sources say this on their command line */
#    undef malloc
#    define malloc(...) BANNED(malloc)
#    undef calloc
#    define calloc(...) BANNED(calloc)
#    undef realloc
#    define realloc(...) BANNED(realloc)
#    undef free
#    define free(...) BANNED(free)
#endif

#ifndef WEIR_RAW_NUMBERS /* core/str.c only */
#    undef strtol
#    define strtol(...) BANNED(strtol)
#    undef strtoul
#    define strtoul(...) BANNED(strtoul)
#    undef strtoll
#    define strtoll(...) BANNED(strtoll)
#    undef strtoull
#    define strtoull(...) BANNED(strtoull)
#    undef strtod
#    define strtod(...) BANNED(strtod)
#endif

#endif
