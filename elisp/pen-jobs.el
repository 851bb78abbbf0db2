;;; pen-jobs.el --- Watch fine-tuning jobs -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-job' shows one job live: how far it is, its losses, sample completions
;; (newest first) and its events.  `pen-jobs' lists them all.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'tabulated-list)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-redraw)
(require 'pen-stream)
(require 'pen-read)

;;;; Keymaps

(defvar pen-job-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "c") #'pen-job-cancel)
    (define-key map (kbd "j") #'pen-jobs)
    (define-key map (kbd "C-c C-k") #'pen-job-cancel)
    map)
  "Keys of the buffer of one job.")

(defvar pen-jobs-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "RET") #'pen-job)
    (define-key map (kbd "c") #'pen-job-cancel)
    map)
  "Keys of the list of jobs.")

;;;; Internal variables

(defvar-local pen-job--id nil "The job shown.")
(defvar-local pen-job--fields nil "What is known of the job, a plist.")
(defvar-local pen-job--options nil "The options the job runs with, a list of plists.")
(defvar-local pen-job--samples nil
  "Sample completions as (STEP PROMPT TEXT), newest first.")
(defvar-local pen-job--events nil "Lines about what happened, newest first.")
(defvar-local pen-job--error nil "Why the job is not followed any more, or nil.")
(defvar-local pen-job--asking nil "Non-nil while the job's status is asked for.")
(defvar-local pen-job--stream nil "The subscription to the job's events.")
(defvar-local pen-job--redraw nil "Draws this buffer now and then.")

(defconst pen-job--most-events 200
  "How many events and samples a buffer keeps.")

(defvar pen-jobs--running nil
  "Jobs being watched and not ended: alist from id to (STEP . STEPS), newest first.")

(defvar pen-jobs-activity nil
  "Text about running jobs for the mode line, or nil.")

;;;; Functions: numbers for people

(defun pen-job-duration (seconds)
  "Return SECONDS as a person would say it."
  (cond ((or (not (numberp seconds)) (isnan (float seconds))) "–")
        ((< seconds 60) (format "%d s" (round seconds)))
        ((< seconds 3600) (format "%d min" (round seconds 60)))
        (t (format "%.1f h" (/ seconds 3600.0)))))

(defun pen-job-loss (loss)
  "Return LOSS for people; NaN in the face of an error."
  (cond ((not (numberp loss)) "–")
        ((or (isnan (float loss)) (= (abs loss) 1.0e+INF))
         (propertize (if (isnan (float loss)) "NaN" "infinite") 'face 'error))
        (t (format "%.3f" loss))))

(defun pen-job-rate (rate)
  "Return RATE, in tokens a second, for people."
  (if (numberp rate) (format "%d tokens/s" (round rate)) "–"))

(defun pen-job-finished-p (status)
  "Return non-nil if a job with STATUS will not change any more."
  (member (format "%s" status) '("succeeded" "failed" "cancelled")))

(defun pen-job-failed-p (status)
  "Return non-nil if a job with STATUS ended without a model."
  (member (format "%s" status) '("failed" "cancelled")))

;;;; Functions: following

(defun pen-job-follow (id)
  "Follow the job ID in this buffer from its beginning."
  (when pen-job--stream
    (pen-stream-cancel pen-job--stream))
  (setq pen-job--id id
        pen-job--samples nil
        pen-job--events nil
        pen-job--error nil)
  (let ((buffer (current-buffer)))
    (pen-rpc-jobs-show
     :id id
     :then (pen-rpc-in-buffer buffer #'pen-job--begin)
     :else #'ignore)                    ; the subscription says why
    (setq pen-job--stream
          (pen-stream-start #'pen-rpc-jobs-watch (list :id id)
                            (pen-rpc-in-buffer buffer #'pen-job--event))))
  (pen-redraw-now pen-job--redraw))

(defun pen-job--ask-status ()
  "Ask how the job is now; a message often means that it entered another state."
  (unless pen-job--asking
    (setq pen-job--asking t)
    (let ((buffer (current-buffer)))
      (pen-rpc-jobs-show
       :id pen-job--id
       :then (pen-rpc-in-buffer
              buffer
              (lambda (detail)
                (setq pen-job--asking nil)
                (unless (pen-job-finished-p (plist-get pen-job--fields :status))
                  (setq pen-job--options (plist-get detail :hyperparameters))
                  (pen-job--learn (list :status (plist-get detail :status))))))
       :else (pen-rpc-in-buffer buffer (lambda (_) (setq pen-job--asking nil)))))))

(defun pen-job--begin (detail)
  "Take from DETAIL, the job as it was when asked, what events did not tell."
  (setq pen-job--options (plist-get detail :hyperparameters))
  (pen-job--learn (append pen-job--fields detail)))

(defun pen-job--learn (fields)
  "Take over FIELDS of the job; nil and repeated ones do not count."
  (let (seen)
    (cl-loop for (key value) on fields by #'cddr
             when (and value (not (memq key seen)))
             do (push key seen)
             (setq pen-job--fields (plist-put pen-job--fields key value))))
  (pen-job--note-activity)
  (pen-redraw-soon pen-job--redraw))

(defun pen-job--event (kind plist)
  "Take the event KIND with PLIST into account."
  (pcase kind
    ('progress (pen-job--learn (pen-job--progress plist)))
    ('log (pen-job--log plist)
          (when (eq (plist-get plist :what) 'text)
            (pen-job--ask-status))
          (pen-redraw-soon pen-job--redraw))
    ('done (pen-job--learn (plist-get plist :value))
           (pen-job--say-end))
    ('error (setq pen-job--error (pen-stream-sentence plist))
            (pen-job--note-activity)
            (pen-redraw-now pen-job--redraw)
            (pen-stream-report plist))))

(defun pen-job--progress (plist)
  "Return the progress event PLIST under the names of a job's fields."
  (list :status (and (plist-get plist :step) 'running)
        :step (plist-get plist :step)
        :total-steps (plist-get plist :steps)
        :epoch (plist-get plist :epoch)
        :train-loss (plist-get plist :loss)
        :valid-loss (plist-get plist :valid-loss)
        :learning-rate (plist-get plist :learning-rate)
        :tokens-per-second (plist-get plist :tokens-per-second)
        :eta-seconds (plist-get plist :eta)))

(defun pen-job--log (plist)
  "Keep the text of the log event PLIST."
  (let ((text (plist-get plist :text)))
    (if (eq (plist-get plist :what) 'sample)
        (setq pen-job--samples
              (seq-take (cons (list (pen-job-datum plist "step")
                                    (pen-job-datum plist "prompt") text)
                              pen-job--samples)
                        pen-job--most-events))
      (setq pen-job--events
            (seq-take (cons (concat (pcase (plist-get plist :what)
                                      ('checkpoint "checkpoint: ")
                                      ('warning "warning: "))
                                    text)
                            pen-job--events)
                      pen-job--most-events)))))

(defun pen-job-datum (plist name)
  "Return the datum NAME of the log event PLIST."
  (cadr (assoc name (plist-get plist :data))))

(defun pen-job--say-end ()
  "Say in the echo area how the job ended."
  (let ((status (plist-get pen-job--fields :status))
        (model (plist-get pen-job--fields :fine-tuned-model)))
    (pen-redraw-now pen-job--redraw)
    (cond ((pen-job-failed-p status)
           (message "Job %s %s%s" pen-job--id
                    (if (equal "failed" (format "%s" status)) "failed" "was cancelled")
                    (if-let ((err (plist-get pen-job--fields :error)))
                        (concat ": " err) ".")))
          (model
           (message "Job %s is done; \"%s\" now answers with %s." pen-job--id
                    (or (plist-get pen-job--fields :prompt) "its prompt") model)))))

(defun pen-job--note-activity ()
  "Tell the mode line about the job of this buffer."
  (setq pen-jobs--running (assoc-delete-all pen-job--id pen-jobs--running))
  (unless (or pen-job--error
              (not (buffer-live-p (current-buffer)))
              (pen-job-finished-p (plist-get pen-job--fields :status)))
    (push (list pen-job--id (plist-get pen-job--fields :step)
                (plist-get pen-job--fields :total-steps))
          pen-jobs--running))
  (pen-jobs--show-activity))

(defun pen-jobs--show-activity ()
  "Say in the mode line how many jobs run, and how far the newest is."
  (let ((activity
         (pcase (car pen-jobs--running)
           ('nil nil)
           (`(,_ ,step ,total)
            (format "[%d %s/%s]" (length pen-jobs--running) (or step 0)
                    (or total "?"))))))
    (unless (equal activity pen-jobs-activity)
      (setq pen-jobs-activity activity)
      (force-mode-line-update t))))

;;;; Functions: drawing

(defun pen-job--draw ()
  "Draw this buffer; what its windows show stays where it is."
  (let ((places (mapcar (lambda (window)
                          (list window (window-start window) (window-point window)))
                        (get-buffer-window-list nil nil t)))
        (point (point))
        (inhibit-read-only t))
    (erase-buffer)
    (pen-job--insert)
    (goto-char (min point (point-max)))
    (pcase-dolist (`(,window ,start ,at) places)
      (set-window-start window (min start (point-max)) t)
      (set-window-point window (min at (point-max))))))

(defun pen-job--insert ()
  "Insert what is known of the job."
  (let ((fields pen-job--fields))
    (setq header-line-format (pen-job--header fields))
    (pen-job--line "Status" (pen-job--status fields))
    (pen-job--line "Prompt" (plist-get fields :prompt))
    (pen-job--line "Model" (pen-job--models fields))
    (pen-job--line "Step" (pen-job--steps fields))
    (pen-job--line "Loss" (format "train %s   valid %s"
                                  (pen-job-loss (plist-get fields :train-loss))
                                  (pen-job-loss (plist-get fields :valid-loss))))
    (pen-job--line "Speed" (pen-job-rate (plist-get fields :tokens-per-second)))
    (unless (pen-job-finished-p (plist-get fields :status))
      (pen-job--line "Left" (pen-job-duration (plist-get fields :eta-seconds))))
    (pen-job--section "Samples, newest first"
                      (mapcar #'pen-job--sample pen-job--samples))
    (pen-job--section "Events, newest first" pen-job--events)
    (pen-job--section "Options" (mapcar #'pen-job--option pen-job--options))
    (insert "\n" (propertize "c cancel  g refresh  j all jobs  q quit" 'face 'shadow)
            "\n")))

(defun pen-job--header (fields)
  "Return the header line for FIELDS."
  (format " %s  %s  step %s/%s" pen-job--id (or (plist-get fields :status) "…")
          (or (plist-get fields :step) 0) (or (plist-get fields :total-steps) "?")))

(defun pen-job--line (name value)
  "Insert a line with NAME and VALUE, unless VALUE is nil."
  (when value
    (insert (propertize (format "%-8s" name) 'face 'bold) value "\n")))

(defun pen-job--status (fields)
  "Return how the job with FIELDS is."
  (cond (pen-job--error
         (propertize (concat pen-job--error " g follows it again.") 'face 'error))
        ((plist-get fields :error)
         (concat (propertize (format "%s" (plist-get fields :status)) 'face 'error)
                 ": " (plist-get fields :error)))
        (t (format "%s" (or (plist-get fields :status) "…")))))

(defun pen-job--models (fields)
  "Return the base of FIELDS and the model made from it, if there is one."
  (when-let ((base (plist-get fields :model)))
    (concat base
            (when-let ((tuned (plist-get fields :fine-tuned-model)))
              (concat " → " tuned)))))

(defun pen-job--steps (fields)
  "Return how far the job with FIELDS is, with a bar."
  (let ((step (or (plist-get fields :step) 0))
        (total (plist-get fields :total-steps))
        (width 30))
    (if (and total (> total 0))
        (let ((full (min width (/ (* width step) total))))
          (format "%d/%d  [%s%s]" step total
                  (make-string full ?#) (make-string (- width full) ?.)))
      (format "%d" step))))

(defun pen-job--sample (sample)
  "Return SAMPLE: its step, the end of its prompt, and what the model wrote."
  (pcase-let* ((`(,step ,prompt ,text) sample)
               (asked (car (last (split-string (or prompt "") "\n" t)))))
    (concat (propertize (format "%6s  %s" (or step "")
                                (if asked (concat "…" asked "\n        ") ""))
                        'face 'shadow)
            (string-join (split-string (string-trim (or text "")) "\n")
                         "\n        "))))

(defun pen-job--option (option)
  "Return OPTION of the job as a line."
  (format "%-26s %s" (plist-get option :name) (plist-get option :value)))

(defun pen-job--section (title lines)
  "Insert TITLE and LINES below it."
  (insert "\n" (propertize title 'face 'bold) "\n")
  (if lines
      (dolist (line lines)
        (insert line "\n"))
    (insert (propertize "none\n" 'face 'shadow))))

;;;; Commands

(define-derived-mode pen-job-mode special-mode "Pen-Job"
  "Mode of the buffer of one fine-tuning job.

\\{pen-job-mode-map}"
  :interactive nil
  (setq truncate-lines nil)
  (setq-local pen-job--redraw (pen-redraw-make (current-buffer) #'pen-job--draw)
              revert-buffer-function (lambda (&rest _) (pen-job-follow pen-job--id)))
  (add-hook 'kill-buffer-hook #'pen-job--stop nil t))

(defun pen-job--stop ()
  "Stop following the job of this buffer."
  (when pen-job--stream
    (pen-stream-cancel pen-job--stream))
  (setq pen-jobs--running (assoc-delete-all pen-job--id pen-jobs--running))
  (pen-jobs--show-activity)
  (pen-redraw-stop pen-job--redraw))

(defun pen-job--here ()
  "Return the id of the job of this buffer, of this line, or ask."
  (or pen-job--id
      (and (derived-mode-p 'pen-jobs-mode) (tabulated-list-get-id))
      (pen-read-job-id)))

;;;###autoload
(defun pen-job (id)
  "Show the job ID live; return its buffer."
  (interactive (list (pen-job--here)))
  (when (string-empty-p id)
    (user-error "No job was named"))
  (let ((buffer (get-buffer-create (format "*pen-job %s*" id))))
    (with-current-buffer buffer
      (unless (and (equal id pen-job--id) (not pen-job--error))
        (pen-job-mode)
        (pen-job-follow id)))
    (pop-to-buffer buffer)
    buffer))

;;;###autoload
(defun pen-job-cancel (id &optional ask)
  "Stop training the job ID; ASK first.
From Lisp, wait and return its new status, a symbol."
  (interactive (list (pen-job--here) t))
  (if (not ask)
      (intern (format "%s" (plist-get (pen-rpc-jobs-cancel :id id) :status)))
    (when (y-or-n-p (format "Stop training %s? " id))
      (pen-rpc-jobs-cancel
       :id id
       :then (lambda (job) (message "Job %s is %s." id (plist-get job :status)))
       :else (lambda (err) (pen-stream-report (pen-stream-error-plist err)))))))

(define-derived-mode pen-jobs-mode tabulated-list-mode "Pen-Jobs"
  "Mode of *pen-jobs*, the list of fine-tuning jobs.

\\{pen-jobs-mode-map}"
  :interactive nil
  (setq tabulated-list-format
        [("Job" 31 t) ("Model" 14 t) ("Status" 10 t) ("Step" 11 nil)
         ("Train" 7 nil) ("Valid" 7 nil) ("Left" 8 nil)])
  (setq-local revert-buffer-function (lambda (&rest _) (pen-jobs--ask)))
  (tabulated-list-init-header))

(defun pen-jobs--ask ()
  "Ask for the jobs and show them when they come."
  (pen-rpc-jobs-list
   :then (pen-rpc-in-buffer
          (current-buffer)
          (lambda (jobs)
            (setq tabulated-list-entries (mapcar #'pen-jobs--entry jobs))
            (tabulated-list-print t)
            (message (if jobs "RET details, c cancel, g refresh"
                       "There are no jobs yet; M-x pen-finetune-region makes one."))))
   :else (lambda (err) (pen-stream-report (pen-stream-error-plist err)))))

(defun pen-jobs--entry (job)
  "Return JOB as a line of the list."
  (list (plist-get job :id)
        (vector (plist-get job :id)
                (or (plist-get job :model) "")
                (format "%s" (plist-get job :status))
                (format "%s/%s" (or (plist-get job :step) 0)
                        (or (plist-get job :total-steps) "?"))
                (pen-job-loss (plist-get job :train-loss))
                (pen-job-loss (plist-get job :valid-loss))
                (if (pen-job-finished-p (plist-get job :status))
                    ""
                  (pen-job-duration (plist-get job :eta-seconds))))))

;;;###autoload
(defun pen-jobs ()
  "List the fine-tuning jobs; return the buffer."
  (interactive)
  (let ((buffer (get-buffer-create "*pen-jobs*")))
    (with-current-buffer buffer
      (unless (derived-mode-p 'pen-jobs-mode)
        (pen-jobs-mode))
      (pen-jobs--ask))
    (pop-to-buffer buffer)
    buffer))

(provide 'pen-jobs)
;;; pen-jobs.el ends here
