;;; whole-test.el --- From a region to a tuned completion, nothing faked -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; One service, one engine and one job serve all of these tests.  PEN_PYTHON
;; names the Python that runs them; the engine ends with this Emacs.

;;; Code:

(require 'ert)
(require 'whole-fixture)
(require 'pen)
(require 'pen-batch)
(require 'pen-command)
(require 'pen-filter)

(declare-function pf-pun-complete/1 "pen-command")

(defconst whole-test-seconds 240 "How long anything here may take.")

(defvar whole-test-job nil "The job that all tests look at, once it has ended.")

(defmacro whole-test-with-puns (&rest body)
  "Run BODY in a buffer with twenty puns."
  `(with-temp-buffer
     (insert-file-contents (expand-file-name "prompts/puns.org" whole-fixture-root))
     (search-forward "\n- ")
     (delete-region (point-min) (match-beginning 0))
     (forward-line 20)
     (delete-region (point) (point-max))
     ,@body))

(defun whole-test-job ()
  "Return the finished job; make it the first time."
  (or whole-test-job
      (setq whole-test-job
            (pen-stream-wait #'pen-rpc-jobs-watch (list :id (whole-test-launch))
                             whole-test-seconds))))

(defun whole-test-launch ()
  "Launch a job as a person does, by C-c C-c in the preview; return its id."
  (save-window-excursion
    (whole-test-with-puns
     (pen-finetune-region (point-min) (point-max) :n-epochs 1 :num-completions 1 :seed 1
                          :show 'preview)
     (with-current-buffer "*pen-dataset*"
       (pen-fixture-until (lambda () pen-dataset--plan) whole-test-seconds)
       (call-interactively (key-binding (kbd "C-c C-c"))))
     (pen-fixture-until (lambda () (seq-find #'whole-test-job-of (buffer-list))) whole-test-seconds)
     (whole-test-job-of (seq-find #'whole-test-job-of (buffer-list))))))

(defun whole-test-job-of (buffer)
  "Return the id of the job that BUFFER shows, if it shows one."
  (and (string-match "\\`\\*pen-job \\(.+\\)\\*\\'" (buffer-name buffer))
       (match-string 1 (buffer-name buffer))))

(ert-deftest whole-test-1-a-region-becomes-a-model ()
  (let ((job (whole-test-job)))
    (should (equal (plist-get job :status) "succeeded"))
    (should (equal (plist-get job :prompt) "pun-complete"))
    (should (string-prefix-p "ft:" (plist-get job :fine-tuned-model)))))

(ert-deftest whole-test-2-the-definition-answers-with-the-tuned-model ()
  (let ((model (plist-get (whole-test-job) :fine-tuned-model))
        (result (pen-complete-result "pun-complete" '("What do you call a test? A pass.")
                                     :n 1 :max-tokens 4 :deadline whole-test-seconds)))
    (should (equal (plist-get result :model) model))
    (should (= 1 (length (plist-get result :candidates))))))

(ert-deftest whole-test-3-a-preview-streams-in-and-is-accepted ()
  (whole-test-job)
  (whole-test-with-puns
   (goto-char (point-max))
   (skip-chars-backward "\n")
   (delete-region (point) (point-max))
   (set-buffer-modified-p nil)
   (let ((before (buffer-string)) (pen-candidates 1)
         (pen-force-temperature 0))     ; a drawn answer may be empty
     (pen-pun-complete)
     (pen-fixture-until (lambda () (and pen-preview-current
                                       (pen-preview-candidates pen-preview-current)
                                       (not (string-empty-p
                                             (pen-preview-insertion pen-preview-current)))))
                        whole-test-seconds)
     (should-not (buffer-modified-p))
     (pen-preview-accept)
     (should (string-prefix-p (concat before "\n- ") (buffer-string)))
     (should (buffer-modified-p)))))

(ert-deftest whole-test-3a-a-definition-is-a-command ()
  (let ((model (plist-get (whole-test-job) :fine-tuned-model)))
    (should (memq 'pf-pun-complete/1 (pen-generate-prompt-functions)))
    (let ((texts (pf-pun-complete/1 '("What do you call a test? A pass." "Why? Why not.")
                                    :n 2 :max-tokens 4 :include-prompt t :no-select-result t
                                    :deadline whole-test-seconds)))
      (should (= 2 (length texts)))
      (dolist (text texts)
        (should (string-prefix-p "What do you call a test? A pass.\nWhy? Why not.\n" text))))
    (should (equal (plist-get (pen-show-last-prompt) :model) model))
    (should (equal (plist-get (pen-show-last-prompt) :stop) '(" END")))))

(ert-deftest whole-test-3b-a-region-is-rewritten-under-review ()
  (whole-test-job)
  (whole-test-with-puns
   (let* ((before (buffer-string))
          (filter (pen-filter-start (point-min) (point-max)
                                    (pen-prompt-definition "pun-complete")
                                    '(("jokes" "What do you call a test? A pass."))
                                    '(:n 1 :max-tokens 8 :seed 3))))
     (pen-fixture-until (lambda () (pen-filter-done filter)) whole-test-seconds)
     (should (equal (buffer-string) before))
     (unless (pen-filter-closed filter)  ; it may have written nothing
       (pen-filter-accept)
       (should-not (equal (buffer-string) before))))))

(ert-deftest whole-test-3c-long-libre-and-stops-are-understood ()
  (whole-test-job)
  (let ((pen-libre-only t))
    (should (= 1 (length (pen-complete "fable" nil :n 1 :max-tokens 3 :long t
                                       :deadline whole-test-seconds))))
    (should (= 1 (length (pen-complete "fable" nil :n 1 :max-tokens 3 :stop '("e")
                                       :deadline whole-test-seconds))))
    (should (equal (plist-get pen-last-prompt-data :stop) '("\n" "e")))))

(ert-deftest whole-test-3d-the-lint-of-a-definition-has-lines ()
  (let ((findings (pen-rpc-prompts-lint :paths '("/x/a.yaml")
                                        :text "pen: 1\ntitel: x\nprompt: y\n")))
    (should (seq-find (lambda (each) (equal (plist-get each :where) "/x/a.yaml:2:1"))
                      findings))))

(ert-deftest whole-test-3e-a-projects-definition-is-found-in-its-files-and-scripts ()
  (let* ((root (file-name-as-directory (make-temp-file "whole-project-" t)))
         (org (expand-file-name "notes/plan.org" root)))
    (dolist (name '(".git" "prompts" "notes"))
      (make-directory (expand-file-name name root)))
    (write-region "pen: 1\ntitle: Haiku\nprompt: \"<topic>\"\nvars: [topic]\nmodel: pen-tiny\nmax-tokens: 4\n"
                  nil (expand-file-name "prompts/haiku.yaml" root))
    (write-region "#+begin_src pen :prompt haiku :var topic=\"rain\"\n#+end_src\n" nil org)
    (should-error (pen-run-prompt-function "haiku" '("rain")) :type 'pen-not-found-error)
    (with-current-buffer (find-file-noselect org)
      (should (stringp (pen-run-prompt-function "haiku" '("rain") :deadline whole-test-seconds)))
      (should-not (memq 'pf-haiku/1 (pen-generate-prompt-functions)))
      (kill-buffer))
    (should (zerop (car (whole-fixture-batch "pen-batch-execute-org" "--yes" org))))
    (should (string-match-p "#\\+RESULTS:" (pen-fixture-read org)))
    (pcase-let ((`(,code ,_ ,err) (whole-fixture-batch "pen-batch-complete" "haiku" "rain")))
      (should (= 1 code))
      (should (string-match-p "There is no prompt 'haiku'" err)))
    (let ((default-directory root))
      (delete-directory ".git")           ; a script belongs to where it stands, as `pen' does
      (should (zerop (car (whole-fixture-batch "pen-batch-complete" "haiku" "rain")))))))

(ert-deftest whole-test-4-a-job-is-shown ()
  (let* ((id (plist-get (whole-test-job) :id))
         (buffer (pen-job id)))
    (with-current-buffer buffer
      (pen-fixture-until
       (lambda () (string-match-p (regexp-quote (plist-get (whole-test-job) :fine-tuned-model))
                                  (buffer-string)))
       whole-test-seconds)
      (should (equal "succeeded" (format "%s" (plist-get pen-job--fields :status))))
      (kill-buffer))))

(ert-deftest whole-test-4-jobs-are-found-again-after-the-service-was-killed ()
  (let ((id (plist-get (whole-test-job) :id))
        (pid (pen-rpc-pid)))
    (signal-process pid 'SIGKILL)
    (pen-fixture-until (lambda () (not (eql pid (pen-rpc-pid)))) whole-test-seconds)
    (with-current-buffer (pen-jobs)
      (pen-fixture-until (lambda () (pen-jobs-job id)) whole-test-seconds)
      (should-not (eql pid (pen-rpc-pid)))
      (let ((job (pen-jobs-job id)))
        (should (equal "succeeded" (format "%s" (plist-get job :status))))
        (should (plist-get job :losses)))
      (kill-buffer))
    (with-current-buffer (pen-job id)
      (pen-fixture-until (lambda () pen-job--curve) whole-test-seconds)
      (should pen-job--checkpoints)
      (should (equal (plist-get pen-job--fields :cost) 0.0))
      (kill-buffer))))

(ert-deftest whole-test-5-bad-regions-are-said-in-a-sentence ()
  (with-temp-buffer
    (insert " \n \n")
    (should-error (pen-finetune-region (point-min) (point-max)) :type 'user-error)
    (insert "only one pun here")
    (let ((err (should-error (pen-finetune-region (point-min) (point-max))
                             :type 'pen-data-error)))
      (should (string-match-p "\\`[^\n]+\\.\\'" (cadr err))))))

(ert-deftest whole-test-6-unknown-definition-is-not-found ()
  (should-error (pen-complete "no-such-prompt" '("x")) :type 'pen-not-found-error)
  (with-temp-buffer
    (insert "one\ntwo")
    (should-error (pen-finetune-region 1 8 :prompt "no-such-prompt")
                  :type 'pen-not-found-error)))

(ert-deftest whole-test-7-batch-completes-to-stdout ()
  (whole-test-job)
  (pcase-let ((`(,code ,out ,_) (whole-fixture-batch "pen-batch-complete" "pun-complete"
                                                  "What do you call a test? A pass."
                                                  "--n=2" "--max-tokens" "4" "--json")))
    (should (equal code 0))
    (should (= 2 (length (split-string out "\n" t))))
    (should (assq 'text (json-read-from-string (car (split-string out "\n" t)))))))

(ert-deftest whole-test-8-batch-exit-codes ()
  (let ((one (make-temp-file "whole-test-" nil ".org" "- only one pun\n")))
    (pcase-dolist (`(,code ,entry . ,arguments)
                   `((0 "pen-batch-complete" "--help")
                     (1 "pen-batch-complete")
                     (1 "pen-batch-complete" "no-such-prompt" "x")
                     (1 "pen-batch-finetune" "/no/such/file")
                     (1 "pen-batch-finetune" "/dev/null")
                     (1 "pen-batch-finetune" "x" "--n-epochs" "many")
                     (2 "pen-batch-finetune" ,one)))
      (pcase-let ((`(,got ,_ ,said) (apply #'whole-fixture-batch entry arguments)))
        (should (equal (list got entry arguments said) (list code entry arguments said)))
        (unless (= code 0)
          (should (= 1 (length (split-string said "\n" t)))))))
    (delete-file one)))

;; With --valid-share, so that the third column is there whatever the definition keeps back.
(ert-deftest whole-test-9-batch-finetunes-and-prints-the-curve-and-the-model ()
  (let ((file (make-temp-file "whole-test-" nil ".org")))
    (unwind-protect
        (progn
          (whole-test-with-puns
           (write-region (point-min) (point-max) file nil 'silent))
          (pcase-let* ((`(,code ,out ,said)
                        (whole-fixture-batch "pen-batch-finetune" file "--wait"
                                          "--n-epochs" "1" "--batch-size" "4" "--seed=2"
                                          "--valid-share" "0.2" "--completions-every" "100"
                                          "--deadline" (number-to-string whole-test-seconds)))
                       (lines (split-string out "\n")))
            (should (equal (cons code said) (cons 0 said)))
            (should (equal (car lines) "step\tloss\tvalid"))
            (should (equal (last lines) '("")))
            (let ((model (car (last lines 2)))
                  (rows (butlast (cdr lines) 2))
                  (step 0))
              (should (string-match-p "\\`ft:[^ \t]+\\'" model))
              (should rows)
              (dolist (row rows)
                (should (string-match "\\`\\([0-9]+\\)\t[0-9.]+\t\\([0-9.]*\\)\\'" row))
                (should (< step (string-to-number (match-string 1 row))))
                (setq step (string-to-number (match-string 1 row))))
              (should (string-match-p "\t[0-9.]+\\'" (car (last rows)))))
            (should (string-match-p "^job ftjob-[^ ]+ succeeded$" said))))
      (delete-file file))))

(provide 'whole-test)
;;; whole-test.el ends here
