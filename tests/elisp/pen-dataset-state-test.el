;;; pen-dataset-state-test.el --- What makes a plan out of date -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-dataset-state)

(defmacro pen-dataset-state-test-with (&rest body)
  "Run BODY where a plan is shown that is what was asked for."
  `(with-temp-buffer
     (setq pen-dataset--arguments (list :prompt "pun-complete")
           pen-dataset--edits (list (list :key "00ff" :exclude t))
           pen-dataset--asked (pen-dataset-question))
     ,@body))

(ert-deftest pen-dataset-state-test-a-plan-is-out-of-date-once-something-else-would-be-built ()
  (pen-dataset-state-test-with
   (should-not (pen-dataset-stale-p))
   (push '(:key "11ee" :side valid) pen-dataset--edits)
   (should (pen-dataset-stale-p))
   (pop pen-dataset--edits)
   (should-not (pen-dataset-stale-p))
   (setq pen-dataset--arguments '(:prompt "pun-complete" :seed 3))
   (should (pen-dataset-stale-p))))

(ert-deftest pen-dataset-state-test-what-only-a-job-takes-builds-nothing-new ()
  (pen-dataset-state-test-with
   (setq pen-dataset--arguments '(:prompt "pun-complete" :schedule linear))
   (should-not (pen-dataset-stale-p))))

(ert-deftest pen-dataset-state-test-a-change-by-hand-is-found-by-its-record ()
  (pen-dataset-state-test-with
   (should (equal (pen-dataset-edit-of "00ff") '(:key "00ff" :exclude t)))
   (should-not (pen-dataset-edit-of "11ee"))))

(provide 'pen-dataset-state-test)
;;; pen-dataset-state-test.el ends here
