"""Research as a script or an agent sees it: a workspace, and the module-level calls on the present one."""
