"""Where the metrics are defined: papers, and the code that computes the published numbers."""

NUPLAN = "nuPlan closed-loop score (Karnchanachari et al. 2024; nuplan-devkit)"
NAVSIM = "PDM score (Dauner et al. 2024; navsim v1.1, comfort with the windows of v2)"
WAYMAX = "Waymax (Gulino et al. 2023; waymax/metrics)"
NAVSIM_V2 = "Extended PDM score (Cao et al. 2025, arXiv 2506.04218; navsim v2)"
OWN = "bevdrive"
