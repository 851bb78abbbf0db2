;;; pen-batch.el --- pen in scripts: arguments, results on stdout, exit codes -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; How to run it; the -- is required, or Emacs takes the options for its own:
;;
;;   EMACS --batch -L elisp -l pen -f pen-batch-complete -- NAME ARG… [--n 3] [--json]
;;   EMACS --batch -L elisp -l pen -f pen-batch-dataset -- FILE… [--prompt NAME] [--out DIR]
;;   EMACS --batch -L elisp -l pen -f pen-batch-finetune -- FILE [--n-epochs 2] [--wait]
;;   EMACS --batch -L elisp -l pen -f pen-batch-execute-org -- FILE… [--yes]
;;   EMACS --batch -L elisp -l pen -f pen-batch-lint-prompts -- FILE…
;;
;; bin/penf is short for the first.
;;
;; Results go to stdout, everything else to stderr.  Exit codes: 0 ok, 1 wrong
;; usage, 2 invalid data or definition, 3 backend or provider failed, 4 the job
;; failed or was cancelled, 5 refused, 124 deadline passed, 130 interrupted.

;;; Code:

(require 'json)
(require 'seq)
(require 'subr-x)
(require 'pen-plist)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-figure)
(require 'pen-stream)
(require 'pen-project)
(require 'pen-prompt)
(require 'pen-batch-arguments)
(require 'pen-complete)
(require 'pen-source)
(require 'pen-dataset)
(require 'pen-finetune)
(require 'pen-job-activity)
(require 'pen-job-status)

;;;; Internal variables

(defconst pen-batch--exit-codes
  '((pen-bad-params-error . 1) (pen-not-found-error . 1) (pen-config-error . 1)
    (pen-prompt-error . 2) (pen-data-error . 2) (pen-too-large-error . 2)
    (pen-job-error . 4) (pen-cancelled-error . 4)
    (pen-refused-error . 5) (pen-deadline-error . 124)
    (pen-error . 3) (user-error . 1) (quit . 4) (error . 3))
  "Exit code of each condition; the first that fits counts.")

(defconst pen-batch--complete-options
  '((:n integer "how many candidates")
    (:model string "the model that answers")
    (:temperature number "how far the model may stray")
    (:max-tokens integer "longest candidate")
    (:seed integer "the only randomness")
    (:deadline number "seconds until it ends with code 124; 120 if not given")
    (:json flag "a JSON object a line")
    (:help flag "this text"))
  "Options of `pen-batch-complete'.")

(defconst pen-batch--finetune-options
  (append pen-dataset-all-options
          '((:deadline number "seconds until it ends with code 124; the job goes on")
            (:wait flag "follow the job to its end")
            (:yes flag "the records may go to a provider that is not this machine")
            (:help flag "this text")))
  "Options of `pen-batch-finetune'.")

(defconst pen-batch--dataset-options
  (append pen-dataset-options '((:out file "directory of the training set")
                                (:help flag "this text")))
  "Options of `pen-batch-dataset'.")

(defconst pen-batch--org-options
  '((:deadline number "seconds that a block may take; one that waits for its job has no limit")
    (:yes flag "run blocks of pen where org would ask; their records may go to a provider")
    (:help flag "this text"))
  "Options of `pen-batch-execute-org'.")

(defconst pen-batch--interrupted 130
  "Exit code of a script that was interrupted.")

(defconst pen-batch--rest-seconds 1.0
  "Least time between two progress lines where stderr is not a terminal.")

(defvar pen-batch--last-line 0.0
  "When the last progress line was written.")

(defvar pen-batch--line-open nil
  "Non-nil while the terminal's cursor stands on a progress line.")

(defvar pen-batch--running nil
  "Non-nil until the exit code is known.")

(defvar pen-batch--job nil
  "Id of the job that is waited for, or nil.")

;;;; Declarations

(defvar pen-block-confirmed)
(defvar pen-block-deadline)
(declare-function pen-batch-org-execute "pen-batch-org" (file options))

;;;; Functions: running

(defmacro pen-batch--main (options usage &rest body)
  "Parse the arguments by OPTIONS, run BODY and leave Emacs with its exit code.
BODY sees the variables `options', a plist, and `arguments'.  USAGE
is printed for --help."
  (declare (indent 2))
  `(kill-emacs
    (pen-batch--run
     (lambda ()
       (pcase-let ((`(,options . ,arguments)
                    (pen-batch-arguments-parse (pen-batch-arguments) ,options)))
         (if (plist-get options :help)
             (princ (concat "usage: " ,usage "\n" (pen-batch-arguments-help ,options)))
           ,@body))))))

(defun pen-batch--run (function)
  "Call FUNCTION and return the exit code for what happens.
That is the one thrown to `pen-batch-code', if one is."
  (setq pen-batch--running t)
  (add-hook 'kill-emacs-hook #'pen-batch--interrupt)
  (unless locale-coding-system          ; no locale is set, as for cron
    (setq locale-coding-system 'utf-8))
  (prog1 (catch 'pen-batch-code
           (condition-case err
               (let ((pen-rpc-deadline (max 60 pen-rpc-deadline)) ; scripts have patience
                     (pen-project-script (expand-file-name default-directory)))
                 (funcall function)
                 0)
             ((error quit)
              (pen-batch--say "%s" (pen-batch-arguments-wording (pen-batch-sentence err)))
              (pen-batch-exit-code err))))
    (setq pen-batch--running nil)))

(defun pen-batch--interrupt ()
  "Say that a signal ends this script, and end with the code for that.
Emacs itself would end with the number of the signal."
  (when pen-batch--running
    (setq pen-batch--running nil)
    (pen-batch--say "Interrupted.%s" (pen-batch--job-goes-on))
    (kill-emacs pen-batch--interrupted)))

(defun pen-batch--job-goes-on ()
  "Return what to do about the job that is waited for, here or by an org block."
  (if-let ((job (or pen-batch--job (car (pen-job-activity-ids)))))
      (format "  Job %s goes on.  `pen jobs watch %s' follows it, `pen jobs cancel %s' ends it."
              job job job)
    ""))

(defun pen-batch--limit (seconds)
  "End this script with the code for that after SECONDS, if not nil."
  (when seconds
    (run-at-time seconds nil
                 (lambda ()
                   (pen-batch--say "No end came within %s seconds.%s" seconds
                                   (pen-batch--job-goes-on))
                   (throw 'pen-batch-code (pen-batch-exit-code '(pen-deadline-error)))))))

(defun pen-batch-sentence (err)
  "Return the condition ERR as one line."
  (pen-rpc-sentence (pen-rpc-error-plist err)))

(defun pen-batch-exit-code (err)
  "Return the exit code for the condition ERR."
  (let ((conditions (if (eq 'data (plist-get (pen-rpc-error-plist err) :kind))
                        '(pen-data-error)
                      (get (car err) 'error-conditions))))
    (cdr (seq-find (lambda (each) (memq (car each) conditions))
                   pen-batch--exit-codes '(error . 3)))))

;;;; Functions: stderr

(defun pen-batch--say (format &rest arguments)
  "Write FORMAT with ARGUMENTS as a line of its own on stderr."
  (when pen-batch--line-open
    (setq pen-batch--line-open nil)
    (princ "\n" #'external-debugging-output))
  (message "%s" (apply #'format format arguments)))

(defun pen-batch--terminal-p ()
  "Return non-nil if stderr is known to be a terminal."
  (string-match-p "\\`/dev/\\(?:pts/\\|tty\\)"
                  (or (file-symlink-p "/proc/self/fd/2") "")))

(defun pen-batch--progress (line &optional always)
  "Show LINE on stderr in place of the last one; not too often, unless ALWAYS.
Where that is not a terminal, it is a line of its own."
  (let ((terminal (pen-batch--terminal-p)))
    (when (or always
              (> (- (float-time) pen-batch--last-line)
                 (if terminal 0.1 pen-batch--rest-seconds)))
      (setq pen-batch--last-line (float-time))
      (if (not terminal)
          (message "%s" line)
        (setq pen-batch--line-open t)
        (mapc #'external-debugging-output (concat "\r" line "\e[K"))))))

;;;; Functions: training sets

(defun pen-batch--show-plan (plan)
  "Write the findings and figures of PLAN to stderr."
  (pen-batch--say "%s" (plist-get plan :summary))
  (pen-batch--say "%s" (string-trim-right (plist-get plan :table) "\n+"))
  (dolist (finding (plist-get plan :findings))
    (pen-batch--say "%s: %s" (plist-get finding :level)
                    (pen-rpc-sentence finding))))

(defun pen-batch--build (file options)
  "Build a training set with OPTIONS and return its path.
It is that of FILE or, without one, of the definition's sources."
  (let* ((arguments (pen-dataset-arguments options))
         (out (plist-get options :out))
         (plan (pen-stream-wait
                #'pen-rpc-datasets-plan
                (append (if file
                            (pen-dataset-request (pen-source-file file) arguments)
                          (pen-dataset-options-among arguments pen-dataset-options))
                        (and out (list :out (expand-file-name out))))
                600)))
    (pen-batch--show-plan plan)
    (pen-finetune-check plan)
    (plist-get plan :train-path)))

;;;; Functions: fine-tuning

(defun pen-batch--launch (file options)
  "Launch a job on FILE with OPTIONS and return it.
FILE may also be the directory of a training set that was built
before; then only the service knows where its data would go, and
refuses what --yes did not allow."
  (let ((confirmed (plist-get options :yes)))
    (if (file-directory-p file)
        (progn
          (pen-batch--check-built options)
          (apply #'pen-rpc-jobs-launch :deadline 120
                 (pen-finetune-request (expand-file-name file) options confirmed)))
      (pen-finetune-wait (pen-source-file file)
                         (pen-dataset-arguments
                          (append options (list :confirm confirmed)))
                         #'pen-batch--show-plan))))

(defun pen-batch--check-built (options)
  "Refuse those of OPTIONS that count only while a training set is built."
  (when-let ((late (seq-find (lambda (option)
                               (and (plist-member options (car option))
                                    (not (assq (car option) pen-dataset-launch-options))))
                             pen-dataset-options)))
    (user-error "--%s counts while a training set is built, and this one is; leave it away, or give the file"
                (pen-dataset-option-name late))))

(defun pen-batch--event (kind plist)
  "Write the event KIND with PLIST of a job to stderr."
  (pcase kind
    ('progress
     (when (plist-get plist :step)
       (pen-batch--progress
        (format "step %s/%s  loss %s%s  %s  %s left"
                (plist-get plist :step) (or (plist-get plist :steps) "?")
                (pen-figure-loss (plist-get plist :loss))
                (if-let ((valid (plist-get plist :valid-loss)))
                    (concat "  valid " (pen-figure-loss valid))
                  "")
                (pen-figure-rate (plist-get plist :tokens-per-second))
                (pen-figure-duration (plist-get plist :eta)))
        (eql (plist-get plist :step) (plist-get plist :steps)))))
    ('log
     (pen-batch--say "%s%s"
                     (pcase (plist-get plist :what)
                       ((or 'text 'checkpoint) "")
                       ('sample (format "sample at step %s: "
                                        (pen-job-datum plist "step")))
                       (what (format "%s: " what)))
                     (string-trim (or (plist-get plist :text) "")))
     (when (pen-job-paused-p (pen-job-datum plist "state"))
       (pen-batch--say "It waits until you resume it: pen jobs resume %s" pen-batch--job)))))

(defun pen-batch--wait (id)
  "Follow the job ID until it ends; return its summary."
  (setq pen-batch--job id)
  (let ((job (pen-stream-wait #'pen-rpc-jobs-watch (list :id id) nil #'pen-batch--event)))
    (setq pen-batch--job nil)
    (when (pen-job-failed-p (plist-get job :status))
      (pen-rpc-signal (list :kind 'job :message (pen-job-ending id job))))
    job))

(defun pen-batch--print-curve (id)
  "Print the losses of the job ID, tab-separated, one step a line."
  (princ "step\tloss\tvalid\n")
  (dolist (point (plist-get (pen-rpc-jobs-show :id id :deadline 60) :curve))
    (princ (format "%s\t%s\t%s\n" (plist-get point :step)
                   (or (plist-get point :train-loss) "")
                   (or (plist-get point :valid-loss) "")))))

;;;; Entries

;;;###autoload
(defun pen-batch-complete ()
  "Complete: NAME ARG… [--n N --model M --seed S --json …]."
  (pen-batch--main pen-batch--complete-options
      "penf NAME ARG… OPTIONS, or emacs --batch -L elisp -l pen -f pen-batch-complete -- NAME ARG… OPTIONS"
    (unless arguments
      (user-error "Which prompt definition? Give its name, then the values of its variables"))
    (pen-batch--limit (or (plist-get options :deadline) 120))
    (let ((result (apply #'pen-complete-result (pen-prompt-absolute (car arguments))
                         (cdr arguments) :deadline nil :function #'pen-batch--event
                         (pen-plist-without options '(:json :deadline)))))
      (dolist (candidate (plist-get result :candidates))
        (princ (if (plist-get options :json)
                   (pen-batch--json candidate result)
                 (replace-regexp-in-string "[ \t]*\n[ \t]*" " "
                                           (plist-get candidate :text))))
        (princ "\n")))))

(defun pen-batch--json (candidate result)
  "Return CANDIDATE of RESULT as a JSON object in one line."
  (let ((json-encoding-pretty-print nil))
    (json-encode `((text . ,(plist-get candidate :text))
                   (finish_reason . ,(format "%s" (plist-get candidate :finish-reason)))
                   (model . ,(plist-get result :model))))))

;;;###autoload
(defun pen-batch-dataset ()
  "Build a training set: FILE… [--prompt P --out DIRECTORY …].
Without a file, use the definition's own sources."
  (pen-batch--main pen-batch--dataset-options
      "emacs --batch -L elisp -l pen -f pen-batch-dataset -- FILE… OPTIONS"
    (unless (or arguments (plist-get options :prompt))
      (user-error "Which file to make a training set of? Give files, or --prompt for a definition's own sources"))
    (when (and (cdr arguments) (plist-get options :out))
      (user-error "--out is one training set's; give one file, or leave --out away"))
    (dolist (file (or arguments '(nil)))
      (princ (concat (pen-batch--build file options) "\n")))))

;;;###autoload
(defun pen-batch-finetune ()
  "Fine-tune: FILE or DIRECTORY [--prompt P --n-epochs N --wait --yes …]."
  (pen-batch--main pen-batch--finetune-options
      "emacs --batch -L elisp -l pen -f pen-batch-finetune -- FILE OPTIONS"
    (unless (= 1 (length arguments))
      (user-error "Which file to learn from? Give one file, or the directory of a training set"))
    (pen-batch--limit (plist-get options :deadline))
    (let ((id (plist-get (pen-batch--launch (car arguments) options) :id)))
      (if (not (plist-get options :wait))
          (princ (concat id "\n"))
        (pen-batch--say "job %s" id)
        (let ((job (pen-batch--wait id)))
          (pen-batch--say "job %s succeeded" id)
          (pen-batch--print-curve id)
          (princ (concat (plist-get job :fine-tuned-model) "\n")))))))

;;;###autoload
(defun pen-batch-execute-org ()
  "Run the blocks of pen in org files and save them: FILE… [--yes --deadline S]."
  (pen-batch--main pen-batch--org-options
      "emacs --batch -L elisp -l pen -f pen-batch-execute-org -- FILE… OPTIONS"
    (unless arguments
      (user-error "Which org file to run? Give one or more"))
    (require 'pen-batch-org)
    (let ((pen-block-confirmed (plist-get options :yes))
          (pen-block-deadline (or (plist-get options :deadline) pen-block-deadline)))
      (when-let ((codes (seq-mapcat (lambda (file) (pen-batch-org-execute file options))
                                    arguments)))
        (throw 'pen-batch-code (car codes))))))

;;;###autoload
(defun pen-batch-lint-prompts ()
  "Print everything that is wrong with definitions: FILE or DIRECTORY….
An error makes the exit code 2."
  (pen-batch--main '((:help flag "this text"))
      "emacs --batch -L elisp -l pen -f pen-batch-lint-prompts -- FILE…"
    (unless arguments
      (user-error "Which definitions to look at? Give files or directories"))
    (let ((findings (pen-rpc-prompts-lint :paths (mapcar #'expand-file-name arguments)
                                          :deadline 120)))
      (dolist (finding findings)
        (princ (concat (pen-rpc-sentence finding) "\n")))
      (when (seq-some (lambda (finding) (eq 'error (plist-get finding :level)))
                      findings)
        (throw 'pen-batch-code 2)))))

(provide 'pen-batch)
;;; pen-batch.el ends here
