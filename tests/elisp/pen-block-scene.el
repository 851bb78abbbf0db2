;;; pen-block-scene.el --- An org block on a service that is a table -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-fixture)
(require 'ob-pen)

(defvar pen-block-scene-directory nil "Where the plan's files are.")

(defun pen-block-scene-plan (&rest fields)
  "Return a plan with FIELDS."
  (append fields
          (list :id "plan-1" :directory "/tmp/plan-1" :prompt "tidy" :model "pen-tiny"
                :records 3 :train 2 :valid 1
                :train-path (expand-file-name "train.jsonl" pen-block-scene-directory)
                :valid-path (expand-file-name "valid.jsonl" pen-block-scene-directory)
                :summary "3 records" :table "mean 1\nsum 3" :provider "local" :cost 0.0)))

(defconst pen-block-scene-job
  '(:id "ftjob-1" :status "succeeded" :fine-tuned-model "ft:puns" :model "pen-tiny"
        :curve ((:step 1 :train-loss 3.0) (:step 2 :train-loss 2.0 :valid-loss 2.5)))
  "A job that has ended.")

(defun pen-block-scene-table ()
  "Return what the service answers."
  (list (list "prompts-list" 'value pen-fixture-definitions)
        (list "datasets-plan" 'events (list 'done :value (pen-block-scene-plan)))
        (list "jobs-launch" 'value pen-block-scene-job)
        (list "jobs-watch" 'events (list 'done :value pen-block-scene-job))
        (list "jobs-show" 'value pen-block-scene-job)
        (list "models-show" 'value '(:id "ft:puns" :base "pen-tiny"))
        (list "completions-start" 'events (pen-fixture-done "a | pun"))))

(defmacro pen-block-scene (header body &rest forms)
  "Run a block with HEADER and BODY and then FORMS; `result' is what it returned.
Files are in a directory of its own."
  (declare (indent 2) (debug t))
  `(let ((pen-block-scene-directory (file-name-as-directory (make-temp-file "pen-task-" t)))
         (inhibit-message t))
     (unwind-protect
         (let ((default-directory pen-block-scene-directory))
           (dolist (name '("train.jsonl" "valid.jsonl"))
             (write-region name nil name nil 'silent))
           (pen-rpc-fake-with (pen-block-scene-table)
             (with-temp-buffer
               (let ((org-inhibit-startup t) (org-confirm-babel-evaluate nil))
                 (delay-mode-hooks (org-mode)))
               (insert "#+begin_src pen " ,header "\n" ,body "\n#+end_src\n")
               (goto-char (point-min))
               (let* ((org-confirm-babel-evaluate nil)
                      (result (org-babel-execute-src-block)))
                 (ignore result)
                 ,@forms))))
       (delete-directory pen-block-scene-directory t))))

(provide 'pen-block-scene)
;;; pen-block-scene.el ends here
