#include "enforce/net/impl.h"
#include <errno.h>
int send_judge(struct deed *d, int nr)
{
	(void)nr;
	deed_continue(d);
	return 0;
}
